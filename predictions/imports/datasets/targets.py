"""Which project a load is for, and under which names."""

from typing import Any

from rest_framework.exceptions import ValidationError

from predictions.models import Project

LONGEST_TITLE, SHORTEST_TITLE = 50, 3


def project_or_title(name: str, *, workspace_id: int) -> Project | str:
    """The project of that id, slug or title; the title itself where none has it.

    ValidationError where two have it, for a number that is no project, and for what is no title.
    """
    mine = Project.objects.filter(workspace_id=workspace_id)
    is_number = name.isascii() and name.isdecimal() and len(name) < 19
    found = mine.filter(pk=int(name)).first() if is_number else None
    found = found or mine.filter(slug=name).first()
    if found is not None:
        return found
    same = list(mine.filter(title=name).order_by("pk")[:2])
    if len(same) > 1:
        ids = " and ".join(str(one.pk) for one in same)
        raise ValidationError([f"Projects {ids} have the title {name!r}: give an id or a slug."])
    if same:
        return same[0]
    if is_number:
        raise ValidationError([f"There is no project {name}."])
    return checked_title(name)


def checked_title(title: str) -> str:
    """The title of a new project. ValidationError for what cannot be one."""
    title = title.strip()
    if not SHORTEST_TITLE <= len(title) <= LONGEST_TITLE or "\0" in title:
        raise ValidationError(
            [f"A project's title has {SHORTEST_TITLE} to {LONGEST_TITLE} characters."]
        )
    return title


def label_map(found: Any) -> dict[str, str | None]:
    """Other names for classes. ValidationError unless it is an object of texts and nulls."""
    if not isinstance(found, dict) or not all(
        one is None or (isinstance(one, str) and one) for one in found.values()
    ):
        raise ValidationError(["A map of labels is a JSON object of names to names, or to null."])
    return found
