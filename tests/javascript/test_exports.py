"""Whatever a module exports says what it takes and gives: a JSDoc comment stands before it.

The linter checks that such a comment names every parameter and its type.
"""

import re
from pathlib import Path

import pytest

from tests.house.quickstarting import PROJECT_DIR

MODULES = sorted(PROJECT_DIR.glob("*/static/**/*.js"))
EXPORT = re.compile(r"^export (?:async )?(?:function|class|const) (\w+)", re.MULTILINE)


def undocumented(text: str) -> list[str]:
    """The exports without a comment."""
    return [
        found[1] for found in EXPORT.finditer(text) if not text[: found.start()].endswith("*/\n")
    ]


def test_there_are_modules() -> None:
    assert len(MODULES) > 20


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_exports_are_documented(path: Path) -> None:
    assert undocumented(path.read_text()) == []
