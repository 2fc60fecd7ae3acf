"""Which task is which: images by the file's id, by their file's name, by its stem; texts by
themselves.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from predictions.formats.content import FileTask
from predictions.formats.errors import Errors
from predictions.regions.task_data import value_at


@dataclass(frozen=True, slots=True)
class Called:
    """What a task is called; `key` is whatever knows it again, `told` how messages name it."""

    key: int
    image_id: str | None
    image_name: str | None
    text: str | None = None
    told: str = ""
    #: Where the image lies, where its name does not tell.
    path: str | None = None


def stem(name: str) -> str:
    """The file's name without folders and suffix."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    dot = last.rfind(".")
    # As pathlib has it, ten times as quick.
    return last[:dot] if 0 < dot < len(last) - 1 else last


#: A way into a task's data, key by key.
Way = Sequence[str]
TEXT: Sequence[Way] = (("text",),)


def text_of(task: FileTask, ways: Sequence[Way]) -> str | None:
    """What a task shows, by which it is known again; None for nothing."""
    return told_by([value_at(task.data, way) for way in ways])


def told_by(values: Sequence[Any]) -> str | None:
    """Values that a task shows as one text: a text as it is, a list of pages, a dialogue, a number,
    or several of them as JSON. None where there is none.

    >>> told_by(["a"]), told_by([{"b": 1, "a": [2]}]), told_by([None])
    ('a', '[{"a":[2],"b":1}]', None)
    """
    if all(value is None for value in values):
        return None
    if len(values) == 1 and isinstance(values[0], str):
        return values[0]
    return json.dumps(values, sort_keys=True, separators=(",", ":"))


class Names:
    """Some tasks, to be found by what others call them; `ways` lead to what is shown in the data of
    a file's task.
    """

    def __init__(self, tasks: Iterable[Called], ways: Sequence[Way] = TEXT) -> None:
        self.ways = ways
        self.by_id: dict[str, list[Called]] = defaultdict(list)
        self.by_name: dict[str, list[Called]] = defaultdict(list)
        self.by_stem: dict[str, list[Called]] = defaultdict(list)
        self.by_text: dict[str, list[Called]] = defaultdict(list)
        self.size = 0
        for task in tasks:
            self.size += 1
            if task.image_id is not None:
                self.by_id[task.image_id].append(task)
            if task.image_name is not None:
                self.by_name[task.image_name].append(task)
                self.by_stem[stem(task.image_name)].append(task)
            if task.text is not None:
                self.by_text[task.text].append(task)
        self._n_taken: dict[str, int] = defaultdict(int)
        #: Pairs of names that were taken for one although their folders differ.
        self.elsewhere: list[tuple[str, str]] = []

    def find(self, task: FileTask, errors: Errors, *, by_stem: bool = False) -> int | None:
        """The key of the task that this one is; None for none. An error, and None, where it might
        be either of two, or where id and name disagree.
        """
        text = text_of(task, self.ways)
        if task.image_id is None and task.image_name is None and text is not None:
            return self._same_text(text)
        found = self._by_stem_alone(task.image_id or "") if by_stem else self._candidates(task)
        if len(found) > 1:
            told = " or ".join(one.told for one in found[:2])
            errors.add(task.place, f"{_called(task)} may be {told}.")
            return None
        if not found:
            return None
        if _disagree(task, found[0]):
            errors.add(
                task.place,
                f"has the id of {found[0].told}, which is {found[0].image_name!r}, but is"
                f" {task.image_name!r} here.",
            )
            return None
        there = found[0].path or found[0].image_name
        if task.image_id not in self.by_id and _lie_apart(task.image_name, there):
            self.elsewhere.append((str(task.image_name), str(there)))
        return found[0].key

    def _candidates(self, task: FileTask) -> list[Called]:
        if task.image_id is not None and task.image_id in self.by_id:
            return self.by_id[task.image_id]
        name = task.image_name
        if name is None:
            return self._by_stem_alone(task.image_id or "")
        return self.by_name.get(name) or self.by_stem.get(stem(name), [])

    def _by_stem_alone(self, image_id: str) -> list[Called]:
        """An id that is a file's stem, as a number where the stem looks like one."""
        if image_id in self.by_stem:
            return self.by_stem[image_id]
        return self._numbered.get(image_id, []) if image_id.isdecimal() else []

    @cached_property
    def _numbered(self) -> dict[str, list[Called]]:
        found: dict[str, list[Called]] = defaultdict(list)
        for name, tasks in self.by_stem.items():
            if name.isdecimal() and name.isascii():
                found[name.lstrip("0") or "0"] += tasks
        return found

    def _same_text(self, text: str) -> int | None:
        """The n-th of equal texts is the n-th."""
        same = self.by_text.get(text, [])
        n = self._n_taken[text]
        self._n_taken[text] += 1
        return same[n].key if n < len(same) else None

    def uneven(self) -> list[tuple[str, int, int]]:
        """Texts of which fewer were found than there are: the text, how many were, and are."""
        return [
            (text, n, len(self.by_text[text]))
            for text, n in self._n_taken.items()
            if n < len(self.by_text.get(text, ()))
        ]

    def both_ways(self, ids: Iterable[str]) -> tuple[str, Called, Called] | None:
        """An id that is the stem of another image's file than the one it is the id of, where all of
        these are ids, and all are stems: nobody knows which is meant. None where there is none.
        """
        known = list(ids)
        if not all(one in self.by_id and self._by_stem_alone(one) for one in known):
            return None
        pairs = ((one, self.by_id[one][0], self._by_stem_alone(one)[0]) for one in known)
        return next(((one, by, other) for one, by, other in pairs if by is not other), None)

    def prefers_stems(self, ids: Iterable[str]) -> bool:
        """Whether ids are stems of files' names: all of them fit so, and as ids they do not."""
        known = list(ids)
        return not all(one in self.by_id for one in known) and all(
            self._by_stem_alone(one) for one in known
        )


def _called(task: FileTask) -> str:
    return repr(task.image_name if task.image_name is not None else task.image_id)


def _lie_apart(one: str | None, other: str | None) -> bool:
    """Whether both names have folders, and neither is the end of the other."""
    if one is None or other is None:
        return False
    ways = [PurePosixPath(name.replace("\\", "/")).parent.parts[::-1] for name in (one, other)]
    return any(a != b for a, b in zip(*ways, strict=False))


def _disagree(task: FileTask, known: Called) -> bool:
    if task.image_name is None or known.image_name is None or task.image_name == known.image_name:
        return False
    return stem(task.image_name) != stem(known.image_name)
