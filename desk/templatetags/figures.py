"""Numbers in templates, as `predictions_api.wording` writes them and the desk's scripts do."""

from typing import Any

from django import template

from predictions_api import wording

register = template.Library()


@register.filter
def share(value: Any) -> str:
    """A share, 0 to 1; empty for nothing."""
    return "" if value in (None, "") else wording.share(value)


@register.filter
def score(value: Any, least: int = 3) -> str:
    """A score of a prediction; empty for nothing."""
    return "" if value in (None, "") else wording.score(value, least)


@register.filter
def written(value: Any, is_higher_better: bool = True) -> str:
    """A metric: of those that are better where they are lower, an error; empty for nothing."""
    if value in (None, ""):
        return ""
    return wording.written(value, is_higher_better=is_higher_better)
