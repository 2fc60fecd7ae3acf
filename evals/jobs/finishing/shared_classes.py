"""Evaluations whose sides call classes by other names: the commonest reason for an mAP of 0."""

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from evals.db.definition import kind_of
from evals.db.label_config import known_labels
from evals.engine.events import join_events, make_events
from evals.engine.metrics import matrix_of
from evals.engine.reading import reading_of
from evals.jobs.notes import spelled_out
from evals.models import ModelEval
from evals.panels.counted import Counted

REASON = "no_shared_class"
#: Some classes are shared, and some are written otherwise.
SIMILAR = "similar_classes"
#: Classes were asked for that there are not.
UNKNOWN = "unknown_classes"
#: The ground truth has classes that the labelling config lacks, predictions new ones.
UNLISTED = "unlisted_classes"


def unshared_classes(evaluation: ModelEval, counted: Counted) -> Iterator[dict[str, Any]]:
    """A warning where both sides have classes and share none, or where predictions write a class
    otherwise than the ground truth does, or the ground truth otherwise than the labelling config,
    stored or shown. Its `labelMap` has the names that are equal but for case, spaces and the form
    of their letters, and what the request renamed already: ask again with it. Nothing for others.
    """
    if not kind_of(evaluation).has_labels:
        return
    true, predicted = _classes_of_sides(evaluation.classes, counted)
    if not true or not predicted:
        return
    configured = _configured(evaluation)
    strays = _strays(configured, true, predicted)
    right, aliases = set(true), reading_of(evaluation.reading).aliases
    known = {_plain(shown): name for shown, name in aliases.items() if name in right}
    known |= {_plain(name): name for name in true}
    pairs = {
        name: known[_plain(name)]
        for name in predicted
        if name not in right and _plain(name) in known
    }
    onward = {name: strays.get(called, called) for name, called in pairs.items()}
    pairs = strays | {name: called for name, called in onward.items() if name != called}
    label_map = _beside(evaluation.options.get("labelMap", {}), pairs, aliases) if pairs else {}
    if not right.isdisjoint(predicted):
        if pairs:
            message = _written_twice(pairs) if strays else _similar(pairs)
            yield {"reason": SIMILAR, "labelMap": label_map, "message": message}
        yield from _unlisted(evaluation, configured, true, predicted, told=pairs)
        return
    advice = (
        f" Some are equal {BUT}: ask again with the labelMap of this warning."
        if pairs
        else " Ask with a labelMap from the names of the predictions to those of the ground truth."
    )
    yield {
        "reason": REASON,
        "labelMap": label_map,
        "message": (
            "Ground truth and predictions share no class. The ground truth has "
            f"{spelled_out(true)}; the predictions have {spelled_out(predicted)}.{advice}"
        ),
    }


def unknown_classes(evaluation: ModelEval, counted: Counted) -> Iterator[dict[str, Any]]:
    """The warning about classes that were asked for and that neither the labelling config nor any
    region has: a typing error leaves out what was meant.
    """
    asked = evaluation.options.get("classes", ())
    if not asked or evaluation.project is None:
        return
    kind, reading = kind_of(evaluation), reading_of(evaluation.reading)
    labels = known_labels(evaluation.project, kind, reading)
    met = {name for side in _classes_of_sides(evaluation.classes, counted) for name in side}
    known = {reading.called(label) for label in labels} | labels | met
    if unknown := [name for name in asked if name not in known]:
        yield {
            "reason": UNKNOWN,
            "message": (
                "Of the classes that were asked for, neither the labelling config nor any region "
                f"has {spelled_out([repr(name) for name in unknown])}."
            ),
        }


#: How names differ that are taken for the same.
BUT = "but for case, spaces or the form of their letters"


def _strays(configured: set[str], true: list[str], predicted: list[str]) -> dict[str, str]:
    """Classes of the ground truth that the labelling config writes otherwise, each with the one of
    the config that it may mean: `car` for `Car`. Not those that the config tells apart itself, such
    as `a` and `A` where letters are read, nor those that both sides tell apart.
    """
    known = {_plain(called): called for called in sorted(configured)}
    both = set(true) & set(predicted)
    return {
        name: called
        for name in true
        if name not in configured
        and (called := known.get(_plain(name)))
        and not {name, called} <= both
    }


def _unlisted(
    evaluation: ModelEval,
    configured: set[str],
    true: list[str],
    predicted: list[str],
    *,
    told: Mapping[str, str],
) -> Iterator[dict[str, Any]]:
    """The warning about classes of the ground truth that the labelling config lacks, where the
    predictions have one of the config that the ground truth lacks: a label was renamed in the
    config, and what was stored before keeps its old name. Not those that the request or another
    warning names, nor what predictions alone have beside the config, as detectors of many classes.
    """
    named = {*evaluation.options.get("classes", ()), *told, *told.values()}
    named |= {*evaluation.options.get("labelMap", {}).values()}
    listed, unsaid = configured | named, configured - {*true} - named
    lacked = [repr(name) for name in true if name not in listed]
    new = [repr(name) for name in predicted if name in unsaid]
    if lacked and new:
        message = (
            f"The ground truth has classes that the labelling config lacks: {spelled_out(lacked)}; "
            f"of those that it has, predictions alone have {spelled_out(new)}. Was a label "
            "renamed? What was stored before keeps the old name and counts as another class: ask "
            "with a labelMap from the one to the other."
        )
        yield {"reason": UNLISTED, "message": message}


def _configured(evaluation: ModelEval) -> set[str]:
    """What the labels of the config are called; none where it lists none."""
    if evaluation.project is None:
        return set()
    reading = reading_of(evaluation.reading)
    labels = known_labels(evaluation.project, kind_of(evaluation), reading)
    return {called for label in labels if (called := reading.called(label)) is not None}


def _classes_of_sides(classes: list[str], counted: Counted) -> tuple[list[str], list[str]]:
    """The classes that have objects, and those that have detections, of all splits."""
    merged = join_events(
        [
            make_events(0, one.bin, one.actual, one.predicted, one.delta)
            for one in (total.events for total in counted.totals)
        ]
    )
    counts = matrix_of(merged, 0, n_classes=len(classes)).counts()
    true, predicted = (
        [name for name, n in zip(classes, numbers.tolist(), strict=True) if n]
        for numbers in (counts.objects, counts.kept)
    )
    return true, predicted


def _beside(
    asked: Mapping[str, str | None], pairs: Mapping[str, str], aliases: Mapping[str, str]
) -> dict[str, str | None]:
    """The pairs, and what was asked, which goes on to what the pairs make of it: labels are renamed
    in one step.
    """
    onward = {
        name: None if called is None else pairs.get(aliases.get(called, called), called)
        for name, called in asked.items()
    }
    return {**pairs, **onward}


def _plain(name: str) -> str:
    """A name without what nobody sees or hears: case, forms of letters, spaces of no width."""
    seen = (one for one in name if unicodedata.category(one) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", "".join(seen)).casefold().split())


def _similar(pairs: dict[str, str]) -> str:
    written = [f"{name!r} for {true!r}" for name, true in pairs.items()]
    return (
        f"Predictions have classes that the ground truth has {BUT}: {spelled_out(written)}. They "
        "count as other classes; ask again with the labelMap of this warning to count them as "
        "these."
    )


def _written_twice(pairs: dict[str, str]) -> str:
    written = [f"{name!r} for {called!r}" for name, called in pairs.items()]
    return (
        f"Some classes are written in more than one way, equal {BUT}: {spelled_out(written)}. They "
        "count as other classes; ask again with the labelMap of this warning to count them as one."
    )
