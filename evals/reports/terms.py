"""Whether two evaluations measure the same thing, so that their numbers can be compared."""

from collections.abc import Mapping
from typing import Any

from evals.db.definition import OF_SOME, parameters_of
from evals.engine.matched.keypoints import sigmas_of
from evals.engine.reading import Reading, reading_of
from evals.models import ModelEval


def differing_terms(one: ModelEval, other: ModelEval) -> list[str]:
    """The keys of the header that make numbers incomparable and differ; empty where none does.

    `split` stands for that of the two headlines. What an imported file does not tell is taken for
    the same.
    """
    first, second = _terms(one), _terms(other)
    terms = [name for name in first if name in second and first[name] != second[name]]
    if _differ(_sigmas(one), _sigmas(other)):
        terms.append("keypointSigmas")
    return [*terms, "labelConfig"] if _are_read_otherwise(one, other) else terms


def _are_read_otherwise(one: ModelEval, other: ModelEval) -> bool:
    """Whether the same results mean something else to both, as the labelling config was edited in
    between: how many choices an answer may have, which label a name stands for, how times are
    written, what a text is. A name that only one of them knows is no difference, unless it is an
    alias that joins two classes which the other counts apart.
    """
    computed = {each.origin for each in (one, other)} == {ModelEval.Origin.COMPUTED}
    if not computed or (one.task_type, one.control) != (other.task_type, other.control):
        return False
    if one.is_multi_label != other.is_multi_label:
        return True
    if one.reading == other.reading:
        return False
    mine, its = reading_of(one.reading), reading_of(other.reading)
    if _joins(mine, its, other) or _joins(its, mine, one):
        return True
    meanings = zip(_meanings(mine), _meanings(its), strict=True)
    return any(_differ(first, second) for first, second in meanings)


def _joins(reading: Reading, other: Reading, evaluation: ModelEval) -> bool:
    """Whether an alias that the other reading lacks makes one class of two of its evaluation's,
    whose classes are read only where there is one.
    """
    added = {*reading.aliases.items()} - {*other.aliases.items()}
    pairs = [{shown, stored} for shown, stored in added if shown != stored]
    return bool(pairs) and any(pair <= set(evaluation.classes) for pair in pairs)


def _meanings(reading: Reading) -> list[Mapping[str, Any]]:
    """What the labelling config says about each name: of labels, key points, objects."""
    return [
        reading.aliases,
        reading.own_aliases,
        {shown: called for called, shown in reading.keypoints},
        reading.time_formats,
        {one.name: (one.path, one.text_key, one.is_html) for one in reading.objects},
    ]


def _differ(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    return any(first[name] != second[name] for name in first.keys() & second.keys())


def has_other_ground_truth(one: ModelEval, other: ModelEval) -> bool:
    """Whether ground truth of their project was added, changed, removed or moved to another split
    between the two, or what its tasks tell of it (sizes, texts) was changed.

    False where an imported file does not tell, or the projects differ.
    """
    return bool(ground_truth_terms(one, other))


def ground_truth_terms(one: ModelEval, other: ModelEval) -> list[str]:
    """The keys of the two snapshots by which their ground truth differs; as above."""
    moments = one.newest_ground_truth_at, other.newest_ground_truth_at
    if one.project_id != other.project_id or None in moments:
        return []
    terms = ["newestGroundTruthAt"] if moments[0] != moments[1] else []
    # What was deleted or is no longer marked leaves the newest as it was. Of other tasks there is
    # another number all the same.
    is_of_same = one.ground_truth == other.ground_truth and (
        one.options.get("query") == other.options.get("query")
    )
    if is_of_same and one.n_ground_truths != other.n_ground_truths:
        terms.append("groundTruths")
    # Where an older annotation of the same task counts again, their number is the same, too. What
    # is read of tasks depends on the kind.
    is_of_same &= (one.task_type, one.control) == (other.task_type, other.control)
    digests = [(each.summary or {}).get("groundTruthDigest") for each in (one, other)]
    if is_of_same and None not in digests and digests[0] != digests[1]:
        terms.append("groundTruthDigest")
    return terms


def is_of_all(evaluation: ModelEval) -> bool:
    """Whether it is of all tasks and classes, as far as the request says; not of chosen ones."""
    is_of_some = any(name in evaluation.options for name in OF_SOME)
    return not is_of_some and None not in evaluation.options.get("labelMap", {}).values()


def _terms(evaluation: ModelEval) -> dict[str, Any]:
    terms: dict[str, Any] = {"taskType": evaluation.task_type}
    if evaluation.summary:
        terms["split"] = evaluation.summary["headline"].get("split", "test")
    if evaluation.origin == ModelEval.Origin.COMPUTED:
        terms |= {
            "control": evaluation.control,
            "groundTruth": evaluation.ground_truth,
            "matching": evaluation.matching,
            "iouThreshold": evaluation.iou_threshold,
            "iouInclusive": evaluation.inclusive,
            **parameters_of(evaluation),
            **_options(evaluation),
        }
    return terms


def _sigmas(evaluation: ModelEval) -> dict[str, float]:
    """How far each key point may be off, as it is called: asked for, or by default."""
    points = reading_of(evaluation.reading).keypoints
    sigmas = sigmas_of(points, evaluation.options.get("keypointSigmas", {}))
    return {called: sigma for (called, _), sigma in zip(points, sigmas, strict=True)}


def _options(evaluation: ModelEval) -> dict[str, Any]:
    """Options of a request that change what is measured, and have no value of their own where none
    was asked for; labels as they are stored, however they were told.
    """
    options, reading = evaluation.options, reading_of(evaluation.reading)
    points = {shown: called for called, shown in reading.keypoints}
    label_map = {
        reading.stored(points.get(name, name)): None if called is None else reading.stored(called)
        for name, called in options.get("labelMap", {}).items()
    }
    return {
        "labelMap": label_map,
        "query": options.get("query"),
        "askedClasses": sorted({reading.stored(name) for name in options.get("classes", ())}),
    }
