"""Answers about whole tasks: a text, a number, stars, paths; read from the regions of a control."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from evals.engine.boxes import Region, Regions, StoredImage
from evals.engine.notes import Notes
from evals.engine.reading import Reading
from evals.engine.regions import identity_of
from predictions.regions.controls import BY_TYPE
from predictions.regions.labels import PassedOver, Reason, region_score

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Answer(Generic[Value]):
    """What one region answers, and how sure it is."""

    value: Value
    score: float


@dataclass(frozen=True, slots=True)
class Answers(Generic[Value]):
    """The answers of both sides to one task, in stored order; none where nobody answered."""

    truth: list[Answer[Value]]
    said: list[Answer[Value]]

    def given(self) -> Value | None:
        """The true answer, which is the first."""
        return self.truth[0].value if self.truth else None

    def best(self) -> Answer[Value] | None:
        """The said answer: the one with the highest score, the first among equals."""
        return max(self.said, key=_score, default=None)


def read_answers(
    images: Sequence[StoredImage],
    result_type: str,
    read: Callable[[Any], Value],
    *,
    reading: Reading | None = None,
    notes: Notes | None = None,
) -> Iterator[Answers[Value]]:
    """The answers of each task by the regions of this type; what is not read goes to `notes`.

    `read` makes an answer of what stands under the control's key, None where nothing does, and
    raises `PassedOver` for what is none.
    """
    reading, notes = reading or Reading(), notes or Notes()
    for number, image in enumerate(images):
        default = 1.0 if image.score is None else image.score
        reader = _Reader(number, image, result_type, reading, notes)
        yield Answers(
            reader.side(image.truth, read, 1.0, is_truth=True),
            reader.side(image.said, read, default, is_truth=False),
        )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one task."""

    number: int
    image: StoredImage
    result_type: str
    reading: Reading
    notes: Notes

    def side(
        self, regions: Regions, read: Callable[[Any], Value], default: float, *, is_truth: bool
    ) -> list[Answer[Value]]:
        """The answers of one side."""
        key = BY_TYPE[self.result_type].value_key
        place, answers = self.image.place, list[Answer[Value]]()
        for at, region in enumerate(regions):
            kind = region.get("type")
            if kind == "relation" or (place is not None and not place.holds(region)):
                continue
            try:
                is_skipped = self.reading.skips(region.get("from_name"), is_truth=is_truth)
                if is_skipped or kind != self.result_type:
                    raise PassedOver(Reason.OTHER_CONTROL)
                value = region.get("value")
                found = read(value.get(key) if isinstance(value, Mapping) else None)
                # A truth is no more or less sure: what a model left in it does not matter.
                score = default if is_truth else region_score(region, (), default)
            except PassedOver as passed:
                self._ignore(passed.reason, region, at, is_truth=is_truth)
                continue
            answers.append(Answer(found, score))
        self.notes.read[not is_truth] += len(answers)
        return answers

    def _ignore(self, reason: Reason, region: Region, at: int, *, is_truth: bool) -> None:
        self.notes.ignore(
            reason,
            is_truth=is_truth,
            image=self.number,
            region=identity_of(region, at),
            was_meant=reason is not Reason.OTHER_CONTROL,
        )


def _score(answer: Answer[Any]) -> float:
    return answer.score
