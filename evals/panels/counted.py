"""What panels are built from: an evaluation whose images are all counted, or an imported file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evals.engine.clusters import VectorAnalysis
from evals.engine.events import Events
from evals.engine.kinds.kind import Total
from evals.engine.metrics import Sweep
from evals.models import ModelEval, Split
from predictions.regions.geometry import Floats

#: Which split speaks for the evaluation: test, or the next best where it has no images.
HEADLINE_SPLITS = (Split.TEST, Split.VALID, Split.TRAIN)


@dataclass(frozen=True, slots=True)
class SplitTotal:
    """A split, its chunks added up."""

    split: int
    n_images: int
    events: Events
    swept: Sweep
    #: What its kind measures.
    measured: Total

    @property
    def name(self) -> str:
        return Split(self.split).label


@dataclass(frozen=True, slots=True)
class Embedded:
    """The images whose tasks carry an embedding, one entry an image, and the map of them."""

    analysis: VectorAnalysis
    positions: list[int]
    task_ids: list[int]
    splits: list[str]
    names: list[str]
    #: float32 (n_images, n_dimensions).
    matrix: Floats
    seconds: float


@dataclass(frozen=True, slots=True)
class Counted:
    """An evaluation whose images are all counted."""

    evaluation: ModelEval
    #: One a split, those without images included.
    totals: Sequence[SplitTotal]
    #: None where no task carries an embedding.
    embedded: Embedded | None

    @property
    def with_images(self) -> list[SplitTotal]:
        """The splits that have images."""
        return [total for total in self.totals if total.n_images]

    @property
    def head(self) -> SplitTotal:
        """The split that speaks for the evaluation."""
        by_split = {total.split: total for total in self.with_images}
        return next(by_split[split] for split in HEADLINE_SPLITS if split in by_split)


@dataclass(frozen=True, slots=True)
class Imported:
    """An evaluation from a file, its images counted."""

    #: The file's keys but for the images.
    keys: Mapping[str, Any]
    classes: Sequence[str]
    #: The percents the file has reports for, rising.
    confidences: Sequence[int]
    #: By split: the events of all its images together.
    totals: Mapping[int, Events]
