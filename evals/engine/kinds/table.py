"""All kinds of evaluation, and which of them a labelling config asks for."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from evals.engine.kinds.classification import CLASSIFICATION
from evals.engine.kinds.keypoints import KEYPOINTS
from evals.engine.kinds.kind import Kind
from evals.engine.kinds.rating import RATING
from evals.engine.kinds.regression import REGRESSION
from evals.engine.kinds.segmentation import SEMANTIC
from evals.engine.kinds.shapes import DETECTION, INSTANCES
from evals.engine.kinds.spans import ENTITIES
from evals.engine.kinds.taxonomy import TAXONOMY
from evals.engine.kinds.temporal import TEMPORAL
from evals.engine.kinds.transcription import TRANSCRIPTION
from predictions.regions.config import Config, Control

#: By their task type.
KINDS: Mapping[str, Kind] = {
    kind.task_type: kind
    for kind in (
        DETECTION,
        INSTANCES,
        KEYPOINTS,
        TEMPORAL,
        CLASSIFICATION,
        SEMANTIC,
        ENTITIES,
        TAXONOMY,
        RATING,
        REGRESSION,
        TRANSCRIPTION,
    )
}


def _places(wanted: frozenset[str], control: Control, objects: frozenset[str]) -> bool:
    return control.tag.place in wanted


def _asks_for_choices(control: Control, objects: frozenset[str]) -> bool:
    return control.tag.tag == "Choices" and CLASSIFICATION.reads(control, objects)


#: What a config asks for where nobody names a kind: the first row that fits a control decides.
ASKED: tuple[tuple[Kind, Callable[[Control, frozenset[str]], bool]], ...] = (
    (INSTANCES, partial(_places, frozenset({"polygon", "brush", "bitmask"}))),
    (DETECTION, partial(_places, frozenset({"rectangle"}))),
    (INSTANCES, partial(_places, frozenset({"ellipse"}))),
    (ENTITIES, ENTITIES.reads),
    (TEMPORAL, TEMPORAL.reads),
    (CLASSIFICATION, _asks_for_choices),
    *((kind, kind.reads) for kind in (TAXONOMY, CLASSIFICATION, RATING, REGRESSION, TRANSCRIPTION)),
)


def asked_kind(config: Config, controls: Iterable[Control]) -> Kind | None:
    """The kind that some controls of a config ask for; None where none can be evaluated."""
    known = [(one, tags_of(config, one)) for one in controls]
    for kind, fits in ASKED:
        if any(fits(control, objects) for control, objects in known):
            return kind
    return None


def tags_of(config: Config, control: Control) -> frozenset[str]:
    """The tags of the objects that a control is for.

    `Labels` beside a VideoRectangle are those of its tracks, and mark no stretches of the video.
    """
    names = set(control.to_names)
    if control.tag.tag == "Labels":
        tracked = [one for one in config.controls if one.tag.place == "track"]
        names.difference_update(*(one.to_names for one in tracked))
    return frozenset(one.tag for one in config.objects if one.name in names)
