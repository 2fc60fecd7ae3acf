"""The pages of the documentation, where each is found, and a search in their headings.

They are the Markdown files of docs/ and examples/ and the changelog, as they lie in the checkout or
the image. `docs/README.md` is the first page; its links, in their order and under its headings of
level 2, are the navigation. Each file is read and rendered once a process.
"""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

from predictions_api.docs.markdown import Page, render

ADDRESS = "/docs/"
FIRST = "docs/README.md"
FOLDERS = ("docs", "examples")
CHANGELOG = "CHANGELOG.md"
#: What a page may show or hand out, by suffix; everything else in the folders is not served.
MEDIA_TYPES = {
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".py": "text/plain; charset=utf-8",
    ".json": "text/plain; charset=utf-8",
    ".yml": "text/plain; charset=utf-8",
    ".service": "text/plain; charset=utf-8",
}
MOST_FOUND = 50


class Entry(NamedTuple):
    """A page in the navigation: what the first page calls it, and its address."""

    title: str
    url: str
    part: str


class Found(NamedTuple):
    """A heading that a search found, the title of its page, and the address of both."""

    heading: str
    page: str
    url: str


def root() -> Path:
    """The folder that holds docs/ and examples/."""
    return Path(settings.BASE_DIR)


@cache
def sources() -> Mapping[str, str]:
    """The Markdown file of each page, by its address."""
    names = [CHANGELOG] if (root() / CHANGELOG).exists() else []
    for folder in FOLDERS:
        names += sorted(path.relative_to(root()).as_posix() for path in _files(folder, ".md"))
    return {_address_of(name): name for name in names}


@cache
def files() -> Mapping[str, Path]:
    """The pictures and programs that pages lead to, by their address."""
    found = (path for folder in FOLDERS for kind in MEDIA_TYPES for path in _files(folder, kind))
    return {_address_of(path.relative_to(root()).as_posix()): path for path in found}


def _files(folder: str, suffix: str) -> Iterator[Path]:
    return (root() / folder).rglob(f"*{suffix}")


def _address_of(name: str) -> str:
    """`docs/operating/backup.md` is /docs/operating/backup/, a README its folder."""
    if name == CHANGELOG:
        return f"{ADDRESS}changelog/"
    inside = name.removeprefix("docs/")
    if not inside.endswith(".md"):
        return ADDRESS + inside
    inside = inside.removesuffix(".md").removesuffix("README")
    return ADDRESS + inside + ("/" if inside and not inside.endswith("/") else "")


@cache
def page(url: str) -> Page:
    """The page at an address of `sources()`. KeyError for another one."""
    name = sources()[url]

    def address(target: str) -> str:
        path, hash_, fragment = target.partition("#")
        inside = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
        # The repository's README is the first page's twin.
        return (ADDRESS if inside == "README.md" else _address_of(inside)) + hash_ + fragment

    return render((root() / name).read_text(), address)


@cache
def navigation() -> Sequence[Entry]:
    """Every page that the first one leads to, under its headings and in its order."""
    found: dict[str, Entry] = {}
    for link in page(ADDRESS).links:
        inside = posixpath.normpath(posixpath.join("docs", link.target))
        url = _address_of(inside)
        if url in sources():
            found.setdefault(url, Entry(link.text, url, link.under))
    return tuple(found.values())


def search(text: str) -> list[Found]:
    """Headings that have, with the title of their page, each word of `text` in any case.

    Titles come first, then headings, in the order of the
    navigation; at most MOST_FOUND. No words find nothing.
    """
    words = text.lower().split()
    if not words:
        return []
    found: list[tuple[int, Found]] = []
    for url in (ADDRESS, *(entry.url for entry in navigation())):
        one = page(url)
        for heading in one.headings:
            whole = f"{one.title} {heading.text}".lower()
            # Each word in the page's title alone finds the page, not all of its headings.
            has_own = heading.level == 1 or any(word in heading.text.lower() for word in words)
            if has_own and all(word in whole for word in words):
                fragment = "" if heading.level == 1 else f"#{heading.slug}"
                found.append((heading.level > 1, Found(heading.text, one.title, url + fragment)))
    return [entry for _, entry in sorted(found, key=lambda pair: pair[0])][:MOST_FOUND]
