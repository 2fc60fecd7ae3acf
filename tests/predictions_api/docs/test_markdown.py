"""Markdown as HTML: headings, links, and what is shown as text."""

import pytest

from predictions_api.docs.markdown import Heading, Link, render, slug_of

TEXT = """# The page

## Data sets

A [link](other.md#there), another [`code` link](https://example.com/x), one [here](#data-sets).

| a | b |
| --- | --- |
| ![alt](images/x.png) | <script>alert(1)</script> |

## Data sets

```sh
echo "<b>"
```
"""


def test_a_page() -> None:
    page = render(TEXT, lambda target: f"/docs/{target}")
    assert page.title == "The page"
    assert page.headings == [
        Heading(1, "The page", "the-page"),
        Heading(2, "Data sets", "data-sets"),
        Heading(2, "Data sets", "data-sets-1"),
    ]
    assert page.links == [
        Link("link", "other.md#there", "Data sets"),
        Link("code link", "https://example.com/x", "Data sets"),
        Link("here", "#data-sets", "Data sets"),
    ]
    assert page.html == (
        '<h1 id="the-page">The page <a class="here" href="#the-page"'
        ' aria-label="Link to this section">#</a></h1>\n'
        '<h2 id="data-sets">Data sets <a class="here" href="#data-sets"'
        ' aria-label="Link to this section">#</a></h2>\n'
        '<p>A <a href="/docs/other.md#there">link</a>, another '
        '<a href="https://example.com/x"><code>code</code> link</a>, one '
        '<a href="#data-sets">here</a>.</p>\n'
        '<div class="wide" tabindex="0" role="group" aria-label="Table"><table>\n'
        "<thead>\n<tr>\n<th>a</th>\n<th>b</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n"
        '<td><img src="/docs/images/x.png" alt="alt" /></td>\n'
        "<td>&lt;script&gt;alert(1)&lt;/script&gt;</td>\n</tr>\n</tbody>\n</table></div>\n"
        '<h2 id="data-sets-1">Data sets <a class="here" href="#data-sets-1"'
        ' aria-label="Link to this section">#</a></h2>\n'
        '<pre tabindex="0" role="group" aria-label="Code">'
        "<code>echo &quot;&lt;b&gt;&quot;\n</code></pre>\n"
    )


def test_an_empty_page_has_nothing() -> None:
    page = render("", str)
    assert (page.title, page.html, page.headings, page.links) == ("", "", [], [])


@pytest.mark.parametrize(
    ("heading", "slug"),
    [
        ("What is counted?", "what-is-counted"),
        ("Slices, intervals, differences", "slices-intervals-differences"),
        ("`LOG_LEVEL` and more", "log_level-and-more"),
    ],
)
def test_fragments_are_those_of_github(heading: str, slug: str) -> None:
    assert slug_of(heading) == slug
