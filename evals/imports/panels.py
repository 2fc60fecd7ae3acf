"""Panels of an imported file: those it brings, checked; those it lacks, made of what it has.

Nothing is written here; `save` does that.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from typing import Any

import msgspec
import orjson

from evals.db.definition import kind_of
from evals.db.writes import NewPanel
from evals.documents.document import Document
from evals.documents.evaluation import Headline
from evals.documents.schema import schema_of
from evals.engine.events import total_counts
from evals.engine.metrics import scores_of
from evals.imports.file import Disagreements, Outline, UnreadableFile
from evals.imports.images import CountedFile, Gathered
from evals.models import ModelEval, Split
from evals.panels.counted import HEADLINE_SPLITS, Imported
from evals.panels.table import PANELS
from predictions_api.http.storable import is_number

#: What the headline has of the sweep's optimum.
OF_OPTIMUM = ("precision", "recall")
#: Numbers of `mapResults` and `confidenceSweep` that are from 0 to 1 by what they are.
SHARES = frozenset(
    {"map50", "map50_95", "map75", "mIoU", "iou", "accuracy", "precision", "recall", "f1",
     "optimalThreshold"}
)  # fmt: skip
#: The evaluation's identity, which is given by this server.
HEADER_KEYS = frozenset({"evalId", "project", "versionId", "modelId", "projectId", "id"})


@cache
def _validator(document: type[Document]) -> Any:
    import jsonschema

    return jsonschema.Draft202012Validator(schema_of(document))


def given_panels(outlined: Outline) -> Iterator[NewPanel]:
    """The panels the file brings, without the evaluation's identity.

    UnreadableFile names the path of what differs from the document of the panel's route.
    """
    from jsonschema.exceptions import best_match

    for panel in PANELS:
        key, kind = panel.imported_as or ("", None)
        body = outlined.keys.get(key)
        if kind is None or body is None:
            continue
        if (wrong := best_match(_validator(panel.document).iter_errors(body))) is not None:
            where = "".join(
                f"[{step}]" if isinstance(step, int) else f".{step}" for step in wrong.path
            )
            reason = f"must be the body of its route: {wrong.message:.200}"
            raise UnreadableFile(f"{key}{where}", reason)
        try:
            text = orjson.dumps({k: v for k, v in body.items() if k not in HEADER_KEYS})
        except TypeError as error:
            raise UnreadableFile(key, str(error)) from error
        yield NewPanel(kind, text)


def check_shares(outlined: Outline, conflicts: Disagreements) -> None:
    """A conflict for each share that is not from 0 to 1, of `mapResults`, `confidenceSweep` and the
    metrics of clusters.
    """
    for key in ("mapResults", "confidenceSweep"):
        for path, share in _shares(outlined.keys.get(key), key):
            conflicts.add(path, f"is {share!r:.50}; it must be from 0 to 1")
    for place, cluster in enumerate(_clusters(outlined)):
        for name, value in (cluster.get("metrics") or {}).items():
            if is_number(value) and not 0 <= value <= 1:
                path = f"clustering.clusters[{place}].metrics.{name}"
                conflicts.add(path, f"is {value!r:.50}; it must be from 0 to 1")


def check_clusters(outlined: Outline, gathered: Gathered, conflicts: Disagreements) -> None:
    """A conflict for each cluster whose `numImages` is negative, or not the number of images that
    say they are of it, where any image of the file says so of any.
    """
    found = Counter(image.cluster for image in gathered.facts if image.cluster is not None)
    for place, cluster in enumerate(_clusters(outlined)):
        told, n_images = cluster.get("numImages"), found[cluster["id"]]
        if told is not None and (told < 0 or (found and told != n_images)):
            path = f"clustering.clusters[{place}].numImages"
            conflicts.add(path, f"is {told!r:.50}, {n_images} images are of it")


def _clusters(outlined: Outline) -> list[dict[str, Any]]:
    """The clusters of the file, once its panels are known to be such."""
    return list((outlined.keys.get("clustering") or {}).get("clusters") or [])


def _shares(value: Any, path: str) -> Iterator[tuple[str, float]]:
    """The shares below a value that are out of range, with their paths."""
    # What a kind measures beside may be any number.
    inside = value.items() if isinstance(value, dict) else ()
    for name, one in inside:
        if name in SHARES and is_number(one) and not 0 <= one <= 1:
            yield f"{path}.{name}", one
        elif name != "metrics":
            yield from _shares(one, f"{path}.{name}")


def derived_panels(outlined: Outline, counted: CountedFile) -> Iterator[NewPanel]:
    """The panels that follow from the images and from the given ones."""
    imported = Imported(outlined.keys, outlined.classes, outlined.confidences, counted.totals)
    for panel in PANELS:
        yield from panel.derive(imported)


def summary_of(evaluation: ModelEval, outlined: Outline, counted: CountedFile) -> dict[str, Any]:
    """The headline from the panels, or where they are missing from the canonical report.

    It is of the split that speaks for the evaluation; without any images of test.
    """
    with_images = (split for split in HEADLINE_SPLITS if evaluation.image_counts[split.label])
    head = next(with_images, Split.TEST)
    of_split = _split_of(outlined.keys.get("mapResults"), head.label)
    best = _split_of(outlined.keys.get("confidenceSweep"), head.label).get("optimalMetrics")
    if not isinstance(best, dict) or not all(is_number(best.get(name)) for name in OF_OPTIMUM):
        counts = total_counts(counted.totals[head.value], n_classes=len(outlined.classes))
        best = asdict(scores_of(counts).at(evaluation.confidence))
    is_boxes = kind_of(evaluation).has_precision
    headline = Headline(
        mean_ap=_number(of_split.get("map50")) if is_boxes else None,
        mean_iou=_mean_iou(of_split),
        precision=float(best["precision"]),
        recall=float(best["recall"]),
        split=msgspec.UNSET if head == Split.TEST else head.label,
    )
    metrics = {
        "mAP": headline.mean_ap,
        "mAP5095": _number(of_split.get("map50_95")),
        "mAP75": _number(of_split.get("map75")),
        "mIoU": headline.mean_iou,
        "precision": headline.precision,
        "recall": headline.recall,
        "f1": _number(best.get("f1")),
    }
    return {"headline": msgspec.to_builtins(headline), "metrics": metrics}


def _mean_iou(of_split: dict[str, Any]) -> float | None:
    """That of all predictions, which evaluations computed here are known by, where the file has it
    among the metrics of its split; else the one at its confidence.
    """
    metrics = of_split.get("metrics")
    of_all = _number(metrics.get("mIoU")) if isinstance(metrics, dict) else None
    is_share = of_all is not None and 0 <= of_all <= 1
    return of_all if is_share else _number(of_split.get("mIoU"))


def _split_of(panel: Any, name: str) -> dict[str, Any]:
    split = (panel or {}).get("splits", {}).get(name)
    return split if isinstance(split, dict) else {}


def _number(value: Any) -> float | None:
    return float(value) if is_number(value) else None
