"""`python -m tests.house.theme_icons`: the theme's font, with the icons alone that the desk shows.

The theme's own has four thousand of them and 290 kB. To be run when a page gets a new icon or the
theme a new version; a test says so.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

from desk.packaged import folder_of
from tests.house.quickstarting import PROJECT_DIR

NAME = "unfold/fonts/material-symbols/Material-Symbols-Outlined.woff2"
OURS = PROJECT_DIR / "predictions_api" / "static" / NAME
ROOMS = ("accounts", "desk", "evals", "predictions", "predictions_api", "prompts")
LETTERS = "abcdefghijklmnopqrstuvwxyz_0123456789"
# Between the tags of one; in a rule of a style; as a keyword or a key; in the sidebar's lists.
SHOWN = re.compile(r"material-symbols[^>]*>(.*?)</", re.DOTALL)
TEMPLATE = re.compile(r"{%.*?%}|{{.*?}}", re.DOTALL)
NAMED = (
    re.compile(r"content:\s*[\"']([a-z_0-9]+)[\"']"),
    re.compile(r"\bicon[\"']?\s*[=:]\s*[\"']([a-z_0-9]+)[\"']"),
    re.compile(r"SITE_SYMBOL\": \"([a-z_0-9]+)\""),
    re.compile(r"_(?:page|named)\([^,()]+,\s*\"([a-z_0-9]+)\""),
)
THEME = folder_of("unfold")
WORD = re.compile(r"[a-z_0-9]+")


def sources() -> Iterator[Path]:
    """Every file that may name an icon; the theme's own extras are not installed here."""
    for folder in (THEME, *(PROJECT_DIR / room for room in ROOMS)):
        for path in folder.rglob("*"):
            if path.suffix in {".html", ".py", ".js", ".css"} and "contrib" not in path.parts:
                yield path


def used() -> set[str]:
    """The names of the icons that pages may show."""
    found: set[str] = set()
    for path in sources():
        text = path.read_text()
        for pattern in NAMED:
            found.update(pattern.findall(text))
        for shown in SHOWN.findall(text):
            found.update(WORD.findall(TEMPLATE.sub(" ", shown)))
    return found & set(glyphs(TTFont(THEME / "static" / NAME)))


def glyphs(font: Any) -> dict[str, str]:
    """The glyph of each icon of a font, by name: a ligature of the letters of the name."""
    letters = {
        glyph: chr(code) for code, glyph in font.getBestCmap().items() if chr(code) in LETTERS
    }
    found: dict[str, str] = {}
    for lookup in font["GSUB"].table.LookupList.Lookup:
        for table in lookup.SubTable:
            for first, ligatures in getattr(table, "ExtSubTable", table).ligatures.items():
                for one in ligatures:
                    name = "".join(letters.get(part, "?") for part in (first, *one.Component))
                    found[name] = one.LigGlyph
    return found


def main() -> None:
    """Writes the font anew."""
    font = TTFont(THEME / "static" / NAME)
    known = glyphs(font)
    options = Options()
    options.layout_features = ["rlig"]
    # Nearly every icon's name can be spelled with the letters of the others'.
    options.layout_closure = False
    options.hinting = False
    options.drop_tables += ["FFTM"]
    subsetter = Subsetter(options)
    subsetter.populate(glyphs=[known[name] for name in sorted(used())], text=LETTERS)
    subsetter.subset(font)
    font.flavor = "woff2"
    font.recalcTimestamp = False
    font.save(OURS)


if __name__ == "__main__":
    main()
