"""How a project's versions score, side by side and over time."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

import orjson
from django.utils.html import format_html
from django.utils.safestring import SafeString

from desk.dashboard import Cell
from desk.workspace_admin import time_ago
from evals.desk.card import name_of, overview_of
from evals.desk.numbers import worded
from evals.engine.kinds.table import KINDS
from evals.models import ModelEval
from evals.reports.terms import differing_terms, has_other_ground_truth, is_of_all
from predictions.desk.hub.parts import Point, Scores
from predictions.desk.project_rows import shortened
from predictions_api.wording import number, share, written

#: Points of the drawing over time.
MOST_POINTS = 60
MAP, MAP50 = "mAP50-95", "mAP50"
#: At the best confidence.
BESIDE = ("Precision", "Recall", "F1")
#: What the document of intervals calls those that are shown.
INTERVALS = {MAP: "map50_95", "F1": "f1"}


def version_of(evaluation: ModelEval) -> str:
    """What the table of versions knows it by; "" where its predictions name none."""
    if evaluation.origin == ModelEval.Origin.COMPUTED:
        return (evaluation.model_version or "")[:200]
    return name_of(evaluation)[:200]


def scores_of(done: Sequence[Any], *, workspace: str) -> Scores:
    """The latest finished evaluation of each version that measures what the newest of all does, the
    best first; `done` has the newest first, `workspace` is the slug of their workspace. Those of a
    part of the tasks or classes stand in for versions without another, and are in the drawing only
    where there are no others; those that measure otherwise than the newest are not in it.
    """
    if not done:
        return Scores((), {})
    newest = next(filter(is_of_all, done), done[0])
    alike = [one for one in done if _is_alike(one, newest)]
    whole = [one for one in alike if is_of_all(one)]
    latest: dict[str, Any] = {}
    for one in [*whole, *alike]:
        latest.setdefault(version_of(one), one)
    kind = KINDS.get(newest.task_type)
    rising = kind is None or kind.has_precision or kind.primary.is_higher_better
    measure = _measure(newest)
    shown = f"{measure} of all predictions" if measure in BESIDE else measure
    values = {name: _numbers(one).get(measure) for name, one in latest.items()}
    order = sorted(latest, key=lambda name: _order(values[name], rising=rising))
    below = "each of mAP50-95 and F1 stands its" if measure == MAP else "F1 stands its"
    # As the comparison of versions draws it: another measure is no rise and no fall.
    drawn = [one for one in whole or alike if not differing_terms(one, newest)]
    points = [_point(one, measure) for one in reversed(drawn[:MOST_POINTS])]
    return Scores(
        [
            shown,
            *([MAP50] if _has_map50(newest, measure) else []),
            *BESIDE,
            "Confidence",
            "Evaluated",
        ],
        {
            name: _cells(
                latest[name],
                newest,
                values[name],
                measure=measure,
                rising=rising,
                workspace=workspace,
            )
            for name in order
        },
        "Scores of the latest finished evaluation of each version. Precision, recall and F1 are at "
        f"the confidence where F1 is best; below {below} 95 % interval.",
        [point for point in points if point is not None],
        shown,
        partial(written, is_higher_better=rising),
    )


def _has_map50(newest: ModelEval, measure: str) -> bool:
    """Whether it stands beside the measure."""
    return measure != MAP50 and _numbers(newest)[MAP50] is not None


def _is_alike(one: ModelEval, newest: ModelEval) -> bool:
    return (one.task_type, one.control) == (newest.task_type, newest.control)


def _numbers(evaluation: ModelEval) -> dict[str, Any]:
    """What its versions may be compared by, as people read it: the metrics of all evaluations, and
    the one of its kind.
    """
    summary = evaluation.summary or {}
    metrics = summary.get("metrics") or {}
    primary = (summary.get("headline") or {}).get("primary") or {}
    kinds_own = {worded(primary["name"]): primary.get("value")} if primary.get("name") else {}
    return {MAP: metrics.get("mAP5095"), MAP50: metrics.get("mAP"), **kinds_own}


def _measure(newest: ModelEval) -> str:
    """The name of what it is known by: mAP50-95 where it has one, else the metric of its kind."""
    numbers = _numbers(newest)
    kind = KINDS.get(newest.task_type)
    if numbers[MAP] is not None or kind is None or kind.has_precision:
        return MAP if numbers[MAP] is not None else MAP50
    return worded(kind.primary.name)


def _order(value: float | None, *, rising: bool) -> tuple[bool, float]:
    """The best first, those without a number last."""
    return value is None, 0.0 if value is None else (-value if rising else value)


def _point(evaluation: ModelEval, measure: str) -> Point | None:
    value = _numbers(evaluation).get(measure)
    if value is None:
        return None
    day = evaluation.created_at.date().isoformat()
    return Point(f"{shortened(name_of(evaluation))}, {day}", value, overview_of(evaluation))


def _cells(
    evaluation: Any,
    newest: ModelEval,
    value: float | None,
    *,
    measure: str,
    rising: bool,
    workspace: str,
) -> list[Cell]:
    metrics: Mapping[str, Any] = evaluation.summary.get("metrics") or {}
    best = evaluation.summary.get("confidence")
    differs = differing_terms(evaluation, newest)
    interval = partial(_interval, evaluation, workspace)
    other = f", other {' and '.join(differs)}" if differs else ""
    if has_other_ground_truth(evaluation, newest):
        other += ", of older ground truth"
    return [
        Cell(
            written(value, is_higher_better=rising),
            overview_of(evaluation),
            interval(MAP) if measure == MAP else "",
        ),
        *([Cell(share(metrics.get("mAP")))] if _has_map50(newest, measure) else []),
        Cell(share(metrics.get("precision"))),
        Cell(share(metrics.get("recall"))),
        Cell(share(metrics.get("f1")), note=interval("F1")),
        Cell("-" if best is None else f"{number(100 * best)}%"),
        Cell(format_html("{}{}", time_ago(evaluation.finished_at), other)),
    ]


def _interval(evaluation: Any, workspace: str, score: str) -> SafeString | str:
    """That of a score at the best confidence: if nobody has asked for it, the page's script does.
    Empty where there is none.
    """
    name = INTERVALS[score]
    if evaluation.at_best is not None:
        bounds = orjson.loads(evaluation.at_best).get(name)
        if bounds is None:
            return ""
        shown = f"({share(bounds['low'])} to {share(bounds['high'])})"
        return format_html(" <small>{}</small>", shown)
    best = best_of(evaluation)
    if best is None:
        return ""
    address = f"/{workspace}/model-evals/{evaluation.eval_id}/intervals"
    text = ' <small data-interval="{}" data-asked="{}?{}"></small>'
    return format_html(text, name, address, urlencode(best))


def best_of(evaluation: ModelEval) -> dict[str, Any] | None:
    """What intervals are asked for: the split and the confidence in percent of its best F1. None
    where there are none.
    """
    summary: Mapping[str, Any] = evaluation.summary or {}
    best = summary.get("confidence")
    # Of an imported one the images are known at some confidences only.
    if best is None or evaluation.planned_at is None:
        return None
    split = (summary.get("headline") or {}).get("split") or "test"
    return {"split": split, "confidence": round(best * 100)}
