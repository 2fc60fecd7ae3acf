"""The query parameters of the evaluation routes; those of panels stand beside the panels.

Each refusal has the evaluation client's own code.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.fields import empty

from evals.documents.comparison import FRONTIER_METRICS
from evals.documents.names import with_background
from evals.documents.refusals import (
    InvalidFilter,
    InvalidFilterCombination,
    InvalidFrontierMetric,
    InvalidStatus,
    Refusal,
)
from evals.engine.error_types.assignment import ErrorType
from evals.engine.kinds.table import KINDS
from evals.models import ModelEval
from evals.panels.precision.error_types import MISSING as NO_ERROR_TYPES
from evals.panels.precision.error_types import WORDS
from evals.panels.query import (
    LIST_MOST,
    SLICE_HELP,
    WHOLE_NUMBER,
    Asked,
    ConfidenceField,
    NumberField,
    Query,
    SplitField,
    TextField,
    WordField,
)
from evals.panels.slices import slice_of
from evals.reports.selection import SORTS, Selection

LIST_LIMIT = 50
PAGE_LIMIT, PAGE_MOST = 200, 1000
DIFF_LIMIT = 50
#: Classes that a refusal spells out.
MOST_NAMED = 100
NUMBERED_CELL = re.compile(r"\[([0-9]{1,9}), ?([0-9]{1,9})\]")
CLUSTER_ID = re.compile(r"-?[0-9]{1,9}")


class ChosenField(WordField):
    """One of a few words; its default, else None, where it is absent or empty."""

    def __init__(
        self,
        words: Sequence[str],
        help_text: str,
        *,
        refusal: Callable[[], Refusal],
        default: str | None = None,
    ) -> None:
        self.refusal = refusal
        super().__init__(words, help_text, default=default)

    def run_validation(self, data: Any = empty) -> str | None:
        if data is empty or not data:
            word: str | None = self.default
            return word
        if data not in self.words:
            raise self.refusal()
        return str(data)


class CountField(serializers.IntegerField):
    """A number of errors, 0 where it is absent or empty. InvalidFilter for anything else."""

    def run_validation(self, data: Any = empty) -> int:
        if data is empty or not data:
            return 0
        if not WHOLE_NUMBER.fullmatch(data):
            raise InvalidFilter(f"{self.field_name} must be a whole number, not below 0.")
        return int(data)


class ClusterField(serializers.IntegerField):
    """A cluster's id, None where it is absent or empty. InvalidFilter for anything else."""

    def run_validation(self, data: Any = empty) -> int | None:
        if data is empty or not data:
            return None
        if not CLUSTER_ID.fullmatch(data):
            raise InvalidFilter("cluster must be a cluster's id; -1 is noise.")
        return int(data)


class FlagField(serializers.BooleanField):
    """True or false; None where it is absent and has no default. A Refusal for anything else."""

    def run_validation(self, data: Any = empty) -> bool | None:
        if data is empty:
            return None
        text = str(data).lower()
        if text not in {"true", "false", "1", "0"}:
            raise Refusal(f"{self.field_name} must be true or false.")
        return text in {"true", "1"}


class ListQuery(Query):
    """What the list of evaluations is narrowed to: one of project, version and model at most."""

    #: Of which one alone may be given, and what each is of.
    NAMES: ClassVar[Mapping[str, str]] = {
        "project": "project",
        "version": "version",
        "versionId": "version",
        "model": "model",
        "modelId": "model",
    }
    MAY_BE_EMPTY: ClassVar[frozenset[str]] = frozenset({"version", "versionId"})
    project = TextField("Of this project: slug or id.")
    version = TextField(
        "Of this version, whatever the project; empty: of predictions without a version."
    )
    versionId = TextField("As `version`.")
    model = TextField("Of this model.")
    modelId = TextField("As `model`.")
    status = ChosenField(ModelEval.Status.values, "In this state.", refusal=InvalidStatus)
    accepted = FlagField(required=False, help_text="Marked as accepted, or not.")
    limit = NumberField(
        f"At most so many; above {LIST_MOST} counts as {LIST_MOST}.",
        default=LIST_LIMIT,
        least=1,
        most=None,
    )

    @classmethod
    def asked(cls, query: Mapping[str, str]) -> Asked:
        """The keywords of `evals.db.evaluations.newest`. InvalidFilterCombination for several of
        `NAMES`, Refusal for an empty one that is no version.
        """
        asked = super().asked(query)
        given = {name: query[name] for name in cls.NAMES if name in query}
        if len(given) > 1:
            raise InvalidFilterCombination()
        one: dict[str, str | None] = dict.fromkeys(cls.NAMES.values())
        for name, value in given.items():
            # A variable that a script left unset; a version alone may be the empty one.
            if not value and cls.NAMES[name] != "version":
                raise Refusal(f"{name} is empty: leave it out to list all.")
            one[cls.NAMES[name]] = asked[name] or value
        state = {"status": asked["status"], "accepted": asked["accepted"]}
        return {**one, **state, "limit": min(asked["limit"], LIST_MOST)}


class ImportQuery(Query):
    """How an imported file is taken."""

    strict = FlagField(default=True, help_text="False accepts a file that disagrees with itself.")


class CompareQuery(Query):
    """Whose models are compared, and by what."""

    project = TextField("Slug or id.", required=True)
    version = TextField("The version.", required=True)
    frontierMetric = ChosenField(FRONTIER_METRICS, "Metric.", refusal=InvalidFrontierMetric)


class DiffQuery(Query):
    """How two evaluations are compared, and which page of the images that differ."""

    split = SplitField(default="all", allows_all=True)
    confidence = ConfidenceField()
    limit = NumberField("Images of a page.", default=DIFF_LIMIT, least=1, most=PAGE_MOST)
    offset = NumberField("Images before the page.", default=0, least=0, most=None)
    slice = TextField(f"{SLICE_HELP} The images are those of the first evaluation's slice.")


class ImagesQuery(Query):
    """Which images, in which order, as a page or as a file."""

    split = SplitField(default="all", allows_all=True)
    confidence = ConfidenceField()
    limit = NumberField("Images of a page.", default=PAGE_LIMIT, least=1, most=PAGE_MOST)
    offset = NumberField("Images before the page.", default=0, least=0, most=None)
    sort = ChosenField(
        [sign + name for name in SORTS for sign in ("", "-")],
        "Order of images; `errors` are false positives and false negatives together. Counts are of "
        "`class` if given; `measure` is the first of the metrics of single images.",
        refusal=partial(
            InvalidFilter,
            f"sort must be one of {', '.join(SORTS)}, with - in front for falling.",
        ),
    )
    minFalsePositives = CountField(
        required=False,
        min_value=0,
        help_text="Only images with so many or more, of `class` if given.",
    )
    minFalseNegatives = CountField(
        required=False,
        min_value=0,
        help_text="Only images with so many or more, of `class` if given.",
    )
    cell = TextField(
        "`actual,predicted`: only images behind this matrix cell. Two class names or, where no "
        "classes are called so, two indices; `[actual,predicted]` is always of indices."
    )
    errorType = ChosenField(
        WORDS,
        "Only images with an error of this kind, by the panel of error types; of `class` if given.",
        refusal=partial(InvalidFilter, f"errorType must be one of {', '.join(WORDS)}."),
    )
    cluster = ClusterField(required=False, help_text="Only images of this cluster; -1 is noise.")
    slice = TextField(SLICE_HELP)
    format = ChosenField(
        ["json", "csv", "jsonl"],
        "A file of the whole selection instead of a page.",
        refusal=partial(Refusal, "format must be one of json, csv, jsonl.", "invalid_format"),
        default="json",
    )


# A name that Python keeps for itself.
ImagesQuery._declared_fields["class"] = TextField(
    "Only images with an object or a detection of this class."
)


def selection(evaluation: ModelEval, asked: Asked) -> Selection:
    """The filters and the order of images. InvalidFilter for a class or cell that is unknown,
    UnknownSlice for a slice. One statement for a slice, else none.
    """
    sort, classes = asked["sort"], evaluation.classes
    kind = KINDS.get(evaluation.task_type)
    if sort in {"measure", "-measure"} and (kind is None or kind.measure is None):
        raise InvalidFilter(
            f"sort=measure orders images by a metric of their own, which {evaluation.task_type} "
            "does not have: f1 is the nearest."
        )
    return Selection(
        sort=None if sort is None else sort.removeprefix("-"),
        is_falling=sort is not None and sort.startswith("-"),
        least_fp=asked["minFalsePositives"],
        least_fn=asked["minFalseNegatives"],
        cell=_cell(asked["cell"], classes),
        label=_label(asked["class"], classes),
        cluster=asked["cluster"],
        slice=slice_of(evaluation, asked["slice"]),
        error_type=_error_type(evaluation, asked["errorType"]),
    )


def _error_type(evaluation: ModelEval, word: str | None) -> ErrorType | None:
    """InvalidFilter where kinds of errors are not told of the evaluation."""
    if word is None:
        return None
    kind = KINDS.get(evaluation.task_type)
    if kind is None or not kind.has_error_types or evaluation.origin != ModelEval.Origin.COMPUTED:
        raise InvalidFilter(f"errorType: {NO_ERROR_TYPES}")
    return ErrorType(WORDS.index(word))


def _label(name: str | None, classes: Sequence[str]) -> int | None:
    if name is None:
        return None
    if name not in classes:
        names = ", ".join(classes[:MOST_NAMED])
        more = f" and {len(classes) - MOST_NAMED:,} more" if len(classes) > MOST_NAMED else ""
        raise InvalidFilter(f"class must be one of {names}{more}.")
    return list(classes).index(name)


def _cell(text: str | None, classes: Sequence[str]) -> tuple[int, int] | None:
    """[actual, predicted] by index in `classes` of the matrix, or by name. InvalidFilter for what
    is no cell, or may be several.
    """
    if text is None:
        return None
    pair = NUMBERED_CELL.fullmatch(text)
    if pair and max(int(pair[1]), int(pair[2])) <= len(classes):
        return int(pair[1]), int(pair[2])
    index = {name: label for label, name in enumerate(with_background(classes))}
    numbers = {str(label): label for label in range(len(classes) + 1)}
    commas = [at for at, character in enumerate(text) if character == ","]
    told = [(text[:at], text[at + 1 :]) for at in commas]
    trimmed = [(actual.strip(), predicted.strip()) for actual, predicted in told]
    for names in (index, numbers):
        for pairs in (told, trimmed):
            meant = {
                (names[actual], names[predicted])
                for actual, predicted in pairs
                if actual in names and predicted in names
            }
            if len(meant) > 1:
                cells = " or ".join(
                    f"[{actual},{predicted}]" for actual, predicted in sorted(meant)
                )
                raise InvalidFilter(
                    f"cell may be {cells}, as class names have commas: ask by the indices."
                )
            if meant:
                return meant.pop()
    raise InvalidFilter(
        "cell must be actual,predicted: two class names, or their indices in the matrix, or "
        "[actual,predicted]: their indices, whatever classes are called."
    )
