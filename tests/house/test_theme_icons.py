"""The desk's icon font has every icon that pages show; others would appear as words."""

from fontTools.ttLib import TTFont

from tests.house.theme_icons import OURS, glyphs, used


def test_every_icon_of_a_page_is_in_the_font() -> None:
    """If not: python -m tests.house.theme_icons."""
    wanted = used()
    # In a template, in a list of the sidebar, between conditions, in a style, as a keyword.
    assert {"edit", "dashboard", "check_small", "arrow_drop_down", "upload", "target"} <= wanted
    assert wanted - set(glyphs(TTFont(OURS))) == set()


def test_it_is_small() -> None:
    assert OURS.stat().st_size < 10_000
