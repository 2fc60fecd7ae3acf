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
    titled = by_title(name, workspace_id=workspace_id)
    if is_number and isinstance(titled, str):
        raise ValidationError([f"There is no project {name}."])
    return titled


def by_title(title: str, *, workspace_id: int) -> Project | str:
    """The workspace's project of that title; the title itself where none has it.

    ValidationError where two have it, and for what is no title.
    """
    title = title.strip()
    same = Project.objects.filter(workspace_id=workspace_id, title=title).order_by("pk")[:2]
    if len(same) > 1:
        ids = " and ".join(str(one.pk) for one in same)
        raise ValidationError([f"Projects {ids} have the title {title!r}: give an id or a slug."])
    if same:
        return same[0]
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
