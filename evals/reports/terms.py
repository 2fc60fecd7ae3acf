"""Whether two evaluations measure the same thing, so that their numbers can be compared."""

from typing import Any

from evals.db.definition import OF_SOME, parameters_of
from evals.models import ModelEval

#: Options of a request that have no value of their own where none was asked for, and change what
#: is measured.
OPTIONS = ("keypointSigmas", "labelMap", "query")


def differing_terms(one: ModelEval, other: ModelEval) -> list[str]:
    """The keys of the header that make numbers incomparable and differ; empty where none does.

    `split` stands for that of the two headlines. What an imported file does not tell is taken for
    the same.
    """
    first, second = _terms(one), _terms(other)
    return [name for name in first if name in second and first[name] != second[name]]


def has_other_ground_truth(one: ModelEval, other: ModelEval) -> bool:
    """Whether ground truth of their project was added, changed, removed or moved to another split
    between the two.

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
    # Where an older annotation of the same task counts again, their number is the same, too.
    digests = [(each.summary or {}).get("groundTruthDigest") for each in (one, other)]
    if is_of_same and None not in digests and digests[0] != digests[1]:
        terms.append("groundTruthDigest")
    return terms


def is_of_all(evaluation: ModelEval) -> bool:
    """Whether it is of all tasks and classes, as far as the request says; not of chosen ones."""
    return not any(name in evaluation.options for name in OF_SOME)


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
            **{name: evaluation.options.get(name) for name in OPTIONS},
            "askedClasses": sorted(evaluation.options.get("classes", ())),
        }
    return terms
