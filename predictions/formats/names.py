"""Which task is which: images by the file's id, by their file's name, by its stem; texts by
themselves.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from predictions.formats.content import FileTask
from predictions.formats.errors import Errors
from predictions.regions.task_data import value_at
from predictions.regions.truths import is_same


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

    @property
    def place(self) -> str:
        """The image's folders and name, as far as they are known."""
        return self.path or self.image_name or ""


def stem(name: str) -> str:
    """The file's name without folders and suffix."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    dot = last.rfind(".")
    # As pathlib has it, ten times as quick.
    return last[:dot] if 0 < dot < len(last) - 1 else last


#: So many of the last parts of a name are looked up; what stands before is compared.
MOST_PARTS = 8
#: Characters of a text that may be a number: no more than decimals keep.
LONGEST_NUMBER = 28
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


#: The data of tasks, by their keys.
DataOf = Callable[[Sequence[int]], Mapping[int, Mapping[str, Any]]]


def _no_data(keys: Sequence[int]) -> Mapping[int, Mapping[str, Any]]:
    return {}


def _plain(value: Any) -> str:
    """A value as tables write it, a number in one way.

    >>> _plain("1.50"), _plain(1.5), _plain(True), _plain(None), _plain([1])
    ('1.5', '1.5', 'true', '', '[1]')
    """
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    text = text.strip()
    try:
        number = Decimal(text) if len(text) <= LONGEST_NUMBER else Decimal("nan")
    except InvalidOperation:
        return text.lower() if text.lower() in {"true", "false"} else text
    return str(number.normalize() if number else 0) if number.is_finite() else text


@dataclass(slots=True)
class _Answers:
    """What a file says of tasks that nothing tells apart."""

    first: FileTask
    differ: bool = False

    def see(self, task: FileTask) -> None:
        """One more of them."""
        self.differ = self.differ or not _say_the_same(self.first, task)


def _say_the_same(one: FileTask, other: FileTask) -> bool:
    if one.drawn is not None and other.drawn is not None:
        return one.score == other.score and is_same(one.drawn(), other.drawn())
    pairs = ([(of.labels, of.shape, of.score) for of in task.read()] for task in (one, other))
    return next(pairs) == next(pairs)


class Names:
    """Some tasks, to be found by what others call them; `ways` lead to what is shown in the data of
    a file's task, and `data_of` gives all of the data of those that show the same.
    """

    def __init__(
        self, tasks: Iterable[Called], ways: Sequence[Way] = TEXT, data_of: DataOf = _no_data
    ) -> None:
        self.ways, self.data_of = ways, data_of
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
        self._n_taken: dict[tuple[str, tuple[str, ...]], int] = defaultdict(int)
        #: How often a file has each text.
        self._expected: Counter[str | None] = Counter()
        self._apart: dict[str, _Apart] = {}
        self._endings: dict[int, dict[tuple[str, ...], list[Called]]] = {}
        self._answers: dict[tuple[str, tuple[str, ...]], _Answers] = {}
        #: Pairs of names that were taken for one although their folders differ.
        self.elsewhere: list[tuple[str, str]] = []

    def find(self, task: FileTask, errors: Errors, *, by_stem: bool = False) -> int | None:
        """The key of the task that this one is; None for none. An error, and None, where it might
        be either of two, or where id and name disagree.
        """
        text = text_of(task, self.ways)
        if task.image_id is None and task.image_name is None and text is not None:
            return self._same_text(text, task)
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
        there = found[0].place
        if task.image_id not in self.by_id and lie_apart(task.image_name, there):
            self.elsewhere.append((str(task.image_name), there))
        return found[0].key

    def _candidates(self, task: FileTask) -> list[Called]:
        if task.is_stem and task.image_id in self.by_stem:
            return self.by_stem[task.image_id]
        if task.image_id is not None and task.image_id in self.by_id:
            return self.by_id[task.image_id]
        name = task.image_name
        if name is None:
            return self._by_stem_alone(task.image_id or "")
        if task.is_suffix_guessed:
            return self._of_any_suffix(name)
        found = self.by_name.get(name) or self._by_folders(name)
        return found or self.by_stem.get(stem(name), [])

    def _of_any_suffix(self, name: str) -> list[Called]:
        """The same where the file did not tell the suffix that the name has: of `a.jpg` and `a.png`
        in one folder it is neither.
        """
        way, same = _way(name), self.by_stem.get(stem(name), [])
        found = [one for one in same if _way(one.image_name or "") == way]
        return found or self._by_folders(f"{name.removesuffix(_suffix(name))}.*") or same

    def _by_folders(self, name: str) -> list[Called]:
        """Those that lie where a name with folders says, as far as both tell."""
        way, last = _way(name), _file_of(name)
        if len(way) < 2:
            return []
        depth = min(len(way), MOST_PARTS)
        found = [*self._ending(depth).get(way[-depth:], ())]
        for less in range(2, depth):
            found += self._lying.get(way[-less:], ())
        found = [one for one in found if not lie_apart(name, one.place)]
        # The name itself, then in just that folder, then with just that suffix.
        fitting = (
            [one for one in found if one.place == name],
            [one for one in found if _way(one.place) == way],
            [one for one in found if _file_of(one.place) == last],
        )
        return next((some for some in fitting if some), found)

    @cached_property
    def _lying(self) -> dict[tuple[str, ...], list[Called]]:
        """By all folders that are known of an image, and its stem."""
        found: dict[tuple[str, ...], list[Called]] = defaultdict(list)
        for tasks in self.by_stem.values():
            for one in tasks:
                found[_way(one.place)].append(one)
        return found

    def _ending(self, depth: int) -> dict[tuple[str, ...], list[Called]]:
        """The same of the last so many alone, of images of which as many are known."""
        if depth not in self._endings:
            found: dict[tuple[str, ...], list[Called]] = defaultdict(list)
            for way, tasks in self._lying.items():
                if len(way) >= depth:
                    found[way[-depth:]] += tasks
            self._endings[depth] = found
        return self._endings[depth]

    def _by_stem_alone(self, image_id: str) -> list[Called]:
        """An id that is a file's stem, as a number where the stem looks like one, or with folders
        before it.
        """
        if image_id in self.by_stem:
            return self.by_stem[image_id]
        if "/" in image_id:
            # Any suffix: what looks like one is of the stem.
            found = self._by_folders(f"{image_id}.*")
            found = found or self.by_stem.get(_file_of(image_id), [])
            return [one for one in found if not lie_apart(image_id, one.place)]
        return self._numbered.get(image_id, []) if image_id.isdecimal() else []

    @cached_property
    def _numbered(self) -> dict[str, list[Called]]:
        found: dict[str, list[Called]] = defaultdict(list)
        for name, tasks in self.by_stem.items():
            if name.isdecimal() and name.isascii():
                found[name.lstrip("0") or "0"] += tasks
        return found

    def expect(self, tasks: Iterable[FileTask]) -> None:
        """Tells all tasks that will be looked for: those that show the same are told apart."""
        self._expected.update(
            text_of(one, self.ways)
            for one in tasks
            if one.image_name is None and one.image_id is None
        )

    def _same_text(self, text: str, task: FileTask) -> int | None:
        """Of equal texts the n-th is the n-th of those whose other data is the same."""
        told, same = self._alike(text, task)
        n = self._n_taken[text, told]
        self._n_taken[text, told] += 1
        if len(same) > 1:
            self._answers.setdefault((text, told), _Answers(task)).see(task)
        return same[n].key if n < len(same) else None

    def _alike(self, text: str, task: FileTask) -> tuple[tuple[str, ...], list[Called]]:
        """The tasks of a text that a file's task may be, and by what they are told apart."""
        same = self.by_text.get(text, [])
        if not same or not self._is_doubtful(text):
            return (), same
        if (apart := self._apart.get(text)) is None:
            apart = self._apart[text] = _Apart(same, self._data)
        shown = {"text"} if self.ways is TEXT else set[str]()
        return apart.find({key: task.data[key] for key in task.data.keys() - shown})

    def _is_doubtful(self, text: str) -> bool:
        return max(len(self.by_text.get(text, ())), self._expected[text]) > 1

    @cached_property
    def _data(self) -> Mapping[int, Mapping[str, Any]]:
        """That of all tasks that may have to be told apart, at once."""
        texts = [one for one in self._expected if one is not None and self._is_doubtful(one)]
        return self.data_of([one.key for text in texts for one in self.by_text.get(text, ())])

    def shows(self, task: FileTask) -> bool:
        """Whether any task shows what this one does."""
        return text_of(task, self.ways) in self.by_text

    def uneven(self) -> list[tuple[str, int, int]]:
        """Texts of which fewer were found than there are: the text, how many were, and are."""
        return [
            (text, n, n_there)
            for (text, told), n in self._n_taken.items()
            if n < (n_there := self._n_alike(text, told))
        ]

    def by_order(self) -> list[str]:
        """Texts of several tasks that nothing tells apart, and of which the file says different
        things: these were taken in its order.
        """
        return [text for (text, _), answers in self._answers.items() if answers.differ]

    def _n_alike(self, text: str, told: tuple[str, ...]) -> int:
        apart = self._apart.get(text)
        return len(apart.of(told)) if apart else len(self.by_text.get(text, ()))

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


class _Apart:
    """Tasks of one text, told apart by what else is in their data."""

    def __init__(self, tasks: Sequence[Called], data: Mapping[int, Mapping[str, Any]]) -> None:
        self.tasks, self.data = tasks, data
        self.keys = {key for one in tasks for key in data.get(one.key, ())}
        self._by_keys: dict[tuple[str, ...], dict[tuple[str, ...], list[Called]]] = {}

    def find(self, data: Mapping[str, Any]) -> tuple[tuple[str, ...], list[Called]]:
        """Those with this data, as far as any of them has its keys; and what tells them."""
        keys = tuple(sorted(self.keys & data.keys()))
        told = tuple(_plain(data[key]) for key in keys)
        return (*keys, *told), self.of((*keys, *told))

    def of(self, told: tuple[str, ...]) -> list[Called]:
        """Those that `find` told so."""
        keys, values = told[: len(told) // 2], told[len(told) // 2 :]
        if keys not in self._by_keys:
            groups: dict[tuple[str, ...], list[Called]] = defaultdict(list)
            for one in self.tasks:
                there = self.data.get(one.key, {})
                groups[tuple(_plain(there.get(key)) for key in keys)].append(one)
            self._by_keys[keys] = groups
        return self._by_keys[keys].get(values, [])


def _called(task: FileTask) -> str:
    return repr(task.image_name if task.image_name is not None else task.image_id)


def _suffix(name: str) -> str:
    return _file_of(name)[len(stem(name)) :]


def _file_of(name: str) -> str:
    return name.rpartition("/")[2]


def _way(name: str) -> tuple[str, ...]:
    """The folders of a name, and the stem of its file.

    >>> _way("./a.b//c.d.png"), _way("c.png")
    (('a.b', 'c.d'), ('c',))
    """
    *folders, last = name.split("/")
    return (*(one for one in folders if one not in {"", "."}), stem(last))


def lie_apart(one: str | None, other: str | None) -> bool:
    """Whether both names have folders, and neither's are the end of the other's."""
    if not one or not other:
        return False
    ways = [PurePosixPath(name.replace("\\", "/")).parent.parts[::-1] for name in (one, other)]
    return any(a != b for a, b in zip(*ways, strict=False))


def _disagree(task: FileTask, known: Called) -> bool:
    if task.image_name is None or known.image_name is None or task.image_name == known.image_name:
        return False
    return stem(task.image_name) != stem(known.image_name)
