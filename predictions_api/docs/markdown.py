"""Makes HTML of one Markdown page, and finds its headings and links.

The pages are this repository's own: HTML in them is shown as text, and links are followed as far as
`address` knows them.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

NO_PART_OF_A_SLUG = re.compile(r"[^\w\- ]")
EXTERNAL = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
#: Attributes that let a keyboard scroll what is wider than the screen.
SCROLLS = 'tabindex="0" role="group"'


class Heading(NamedTuple):
    """A heading of a page: level 1 to 6, its text, and the fragment that leads to it."""

    level: int
    text: str
    slug: str


class Link(NamedTuple):
    """A link as the page has it: its text and its target, `../guides/bulk.md#data-sets`."""

    text: str
    target: str
    #: The heading of level 2 that it stands under, "" above the first.
    under: str


class Page(NamedTuple):
    """A rendered page. `title` is its first heading, "" without one."""

    title: str
    html: str
    headings: Sequence[Heading]
    links: Sequence[Link]


def render(text: str, address: Callable[[str], str]) -> Page:
    """The page of a Markdown text; `address` makes an address of each target within the repository.

    Headings get the fragments that GitHub gives them, numbered where two are the same.
    """
    tokens = _parser().parse(text)
    headings = _name_headings(tokens)
    links = list(_links(tokens))
    for token in _inline(tokens):
        _redirect(token, address)
    html: str = _parser().renderer.render(tokens, _parser().options, {})
    title = next((heading.text for heading in headings if heading.level == 1), "")
    return Page(title, html, headings, links)


def slug_of(text: str) -> str:
    """The fragment of a heading: `What is counted?` is `what-is-counted`."""
    return NO_PART_OF_A_SLUG.sub("", text.strip().lower()).replace(" ", "-")


@cache
def _parser() -> "MarkdownIt":
    # Imported here: it takes 0.2 s, which only readers of the pages should wait for.
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    for name, rule in {
        "table_open": lambda *_: f'<div class="wide" {SCROLLS} aria-label="Table"><table>\n',
        "table_close": lambda *_: "</table></div>\n",
        "fence": _code,
        "code_block": _code,
        "heading_close": _heading_close,
    }.items():
        parser.add_render_rule(name, rule)
    return parser


def _code(self: Any, tokens: "Sequence[Token]", at: int, options: Any, env: Any) -> str:
    from markdown_it.common.utils import escapeHtml

    return f'<pre {SCROLLS} aria-label="Code"><code>{escapeHtml(tokens[at].content)}</code></pre>\n'


def _heading_close(self: Any, tokens: "Sequence[Token]", at: int, options: Any, env: Any) -> str:
    slug, name = tokens[at].meta["slug"], tokens[at].tag
    return f' <a class="here" href="#{slug}" aria-label="Link to this section">#</a></{name}>\n'


def _name_headings(tokens: "Sequence[Token]") -> list[Heading]:
    found: list[Heading] = []
    taken: dict[str, int] = {}
    for opening, inline, closing in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if opening.type != "heading_open":
            continue
        text = _plain(inline)
        slug = slug_of(text)
        taken[slug] = taken.get(slug, -1) + 1
        slug = f"{slug}-{taken[slug]}" if taken[slug] else slug
        opening.attrSet("id", slug)
        closing.meta = {"slug": slug}
        found.append(Heading(int(opening.tag[1]), text, slug))
    return found


def _plain(inline: "Token") -> str:
    """The text of an inline token without marks."""
    return "".join(child.content for child in inline.children or ())


def _inline(tokens: "Sequence[Token]") -> "list[Token]":
    return [child for token in tokens for child in token.children or ()]


def _links(tokens: "Sequence[Token]") -> "list[Link]":
    found: list[Link] = []
    under = ""
    for before, token in pairwise(tokens):
        if before.type == "heading_open" and before.tag == "h2":
            under = _plain(token)
        target = ""
        for child in token.children or ():
            if child.type == "link_open":
                target = str(child.attrGet("href"))
                text = ""
            elif child.type == "link_close":
                found.append(Link(text, target, under))
                target = ""
            elif target:
                text += child.content
    return found


def _redirect(token: "Token", address: Callable[[str], str]) -> None:
    name = {"link_open": "href", "image": "src"}.get(token.type)
    target = str(token.attrGet(name)) if name else ""
    if name and not target.startswith("#") and not EXTERNAL.match(target):
        token.attrSet(name, address(target))
