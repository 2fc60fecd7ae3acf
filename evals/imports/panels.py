"""Panels of an imported file: those it brings, checked; those it lacks, made of what it has.

Nothing is written here; `imports` does that.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import orjson

from evals.db.writes import NewPanel, matrix_panels
from evals.documents import panels, schemas
from evals.engine.events import total_counts
from evals.engine.metrics import scores_of
from evals.imports.file import Outline, UnreadableFile
from evals.imports.images import CountedFile
from evals.models import EvalPanel, ModelEval, Split

Kind = EvalPanel.Kind

# What a file calls a panel, what it is here, and the body of its route.
PANELS = {
    "mapResults": (Kind.MAP_RESULTS, schemas.MAP_RESULTS_BODY),
    "confidenceSweep": (Kind.SWEEP, schemas.SWEEP_BODY),
    "clustering": (Kind.CLUSTERING, schemas.CLUSTERING_BODY),
    "recommendations": (Kind.RECOMMENDATIONS, schemas.RECOMMENDATIONS_BODY),
}
# A panel's own header is ours.
HEADER_KEYS = frozenset({"evalId", "project", "versionId", "modelId", "projectId", "id"})


@cache
def _validator(key: str) -> Any:
    import jsonschema

    return jsonschema.Draft202012Validator(schemas.open_record(PANELS[key][1]))


def given_panels(outlined: Outline) -> Iterator[NewPanel]:
    """The panels the file brings, without their headers."""
    from jsonschema.exceptions import best_match

    for key, (kind, _) in PANELS.items():
        body = outlined.keys.get(key)
        if body is None:
            continue
        if (wrong := best_match(_validator(key).iter_errors(body))) is not None:
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


def derived_panels(outlined: Outline, counted: CountedFile) -> Iterator[NewPanel]:
    """The panels that follow from the images and from the given ones."""
    for split, events in counted.totals.items():
        yield from matrix_panels(split, events, outlined.confidences)
    metrics = outlined.keys.get("mapResults") or {}
    sweeps = outlined.keys.get("confidenceSweep") or {}
    if metrics or sweeps:
        for split in Split:
            table = panels.performance_from_panels(split.label, metrics, sweeps, outlined.classes)
            yield NewPanel(Kind.PERFORMANCE, orjson.dumps(table), split=split.value)
    if outlined.keys.get("recommendations") is None:
        yield NewPanel(Kind.RECOMMENDATIONS, orjson.dumps({"generated": False}))


def summary_of(evaluation: ModelEval, outlined: Outline, counted: CountedFile) -> dict[str, Any]:
    """The headline from the panels, or where they are missing from the canonical report."""
    test_map = _split_of(outlined.keys.get("mapResults"), "test")
    best = _split_of(outlined.keys.get("confidenceSweep"), "test").get("optimalMetrics")
    if not isinstance(best, dict):
        counts = total_counts(counted.totals[Split.TEST.value], n_classes=len(outlined.classes))
        best = panels.score(scores_of(counts).at(evaluation.confidence))
    is_boxes = evaluation.task_type in panels.PANEL_TASK_TYPES
    headline = {
        "mAP": _number(test_map.get("map50")) if is_boxes else None,
        "mIoU": _number(test_map.get("mIoU")),
        "precision": _number(best.get("precision")) or 0.0,
        "recall": _number(best.get("recall")) or 0.0,
    }
    metrics = {
        "mAP": headline["mAP"],
        "mAP5095": _number(test_map.get("map50_95")),
        "mAP75": _number(test_map.get("map75")),
        "mIoU": headline["mIoU"],
        "precision": headline["precision"],
        "recall": headline["recall"],
        "f1": _number(best.get("f1")),
    }
    return {"headline": headline, "metrics": metrics}


def _split_of(panel: Any, name: str) -> dict[str, Any]:
    split = (panel or {}).get("splits", {}).get(name)
    return split if isinstance(split, dict) else {}


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None
