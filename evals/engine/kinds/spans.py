"""Spans of texts, as named entities are: matched by the characters they have in common."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import accumulate, chain
from typing import Any

import numpy as np

from evals.engine.answers import Answer, ReadRegion, read_answers, value_of
from evals.engine.boxes import Region, StoredImage
from evals.engine.errors import TooManyPairs, UnusableRegion
from evals.engine.kinds.kind import (
    OF_MATCHING,
    Chunk,
    Gathered,
    ImageVerdicts,
    Job,
    Kind,
    Primary,
    Tally,
    Total,
)
from evals.engine.matched.equal import equal_pairs
from evals.engine.matching import (
    Detections,
    Objects,
    Pairs,
    box_pairs,
    join_pairs,
    match_events,
    object_verdicts,
)
from evals.engine.measures.spans import (
    Spans,
    equal_f1,
    read_states,
    span_counts,
    span_metrics,
    to_state,
)
from evals.engine.notes import Notes
from evals.engine.reading import Reading
from predictions.regions.config import Control
from predictions.regions.geometry import Bools, Floats
from predictions.regions.labels import LAST_CHARACTER, PassedOver, Reason, read_names
from predictions_api.http.storable import whole_told

#: Of regions of a text, with the keys of their values where their labels are.
TYPES = {
    "labels": ("labels",),
    "hypertextlabels": ("hypertextlabels", "labels"),
    "paragraphlabels": ("paragraphlabels", "labels"),
}
TEXTS = frozenset({"Text", "HyperText", "Paragraphs"})

#: An address of a text, or its base64, in place of the text.
ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:/)?/\S+\Z|[A-Za-z0-9+/]{16,}={0,2}\Z")
#: White space, and how Label Studio writes a line break in a region's text.
WHITE = re.compile(r"\s|\\[nr]")

#: First character and the one after the last; or, where no characters are known, what names the
#: place: it is the same or it is not. While a document is read, also the characters and the place.
Extent = tuple[int, int] | tuple[Any, ...]
CHARACTERS, PLACE = 2, 4
Answers = Sequence[Sequence[Answer[Extent]]]


def _reads(control: Control, objects: frozenset[str]) -> bool:
    if control.tag.tag == "Labels":
        return bool(objects & TEXTS)
    return control.tag.tag in {"HyperTextLabels", "ParagraphLabels"}


def read_region(reading: Reading, notes: Notes) -> ReadRegion[Extent]:
    """What one region says: each of its labels, at its place."""
    places = _Places()

    def read(region: Region, image: StoredImage) -> list[tuple[str, Extent]]:
        # Whatever was stored: a list has no hash.
        keys = TYPES.get(str(region.get("type")))
        if keys is None:
            raise PassedOver(Reason.OTHER_CONTROL)
        value = value_of(region)
        names = next((found for key in keys if (found := read_names(value.get(key)))), [])
        if not names:
            raise PassedOver(Reason.NO_LABEL)
        text_key = reading.text_key(image.place)
        if text_key:
            extent = _in_paragraphs(value, places.of(image.data, text_key))
            if value.get("start") == value.get("end"):
                notes.other_text += _says_otherwise(value, extent, places.text)
        elif isinstance(value.get("globalOffsets"), dict):
            extent = (*_plain(value["globalOffsets"]), *_place_beside(value))
        elif "startOffset" not in value and "endOffset" not in value:
            extent = _plain(value)
            if reading.is_plain_text(image.place):
                notes.other_text += _says_otherwise(value, extent, image.data)
        else:
            extent = _named_place(value)
        # A label that a region has twice is one item all the same.
        return [(name, extent) for name in dict.fromkeys(names)]

    return read


def _says_otherwise(value: Any, extent: Extent, text: Any) -> bool:
    """Whether a span tells a text that is not what stands at its place, but for white space, which
    Label Studio writes otherwise; or lies beyond the text's end. False where the task has an
    address, or base64, in place of the text.
    """
    if not isinstance(text, str) or ADDRESS.match(text):
        return False
    told, (start, end) = value.get("text"), extent[:CHARACTERS]
    if end > len(text):
        return True
    stands = WHITE.sub("", text[start:end])
    return isinstance(told, str) and WHITE.sub("", told) not in ("", stands)


def _plain(value: Any) -> Extent:
    return _character(value.get("start")), _character(value.get("end"))


def _character(stored: Any) -> int:
    """A number of characters, from 0 on. `PassedOver` for anything else."""
    whole = whole_told(stored, LAST_CHARACTER)
    if whole is None:
        raise PassedOver(Reason.NO_GEOMETRY)
    return whole


def _in_paragraphs(value: Any, places: "_Places") -> Extent:
    """`start` and `end` are places of paragraphs, the offsets are within them.

    `PassedOver` for a place in no paragraph, or beyond the text of its own: its characters would be
    those of the next.
    """
    found = []
    for side in ("start", "end"):
        place, offset = _character(value.get(side)), _character(value.get(f"{side}Offset"))
        if place >= len(places.units) or offset > places.units[place]:
            raise PassedOver(Reason.NO_GEOMETRY)
        found.append(min(places.starts[place] + offset, places.starts[place + 1]))
    return found[0], found[1]


class _Places:
    """Where the paragraphs of a task begin; those of the last task asked for are kept."""

    def __init__(self) -> None:
        self._paragraphs: Any = None
        #: The first character of each paragraph, and the end of the last one.
        self.starts: list[int] = [0]
        #: All paragraphs, one after the other.
        self.text = ""
        #: How long each is for who counts an emoji as two, as JavaScript does.
        self.units: list[int] = []

    def of(self, paragraphs: Any, text_key: str) -> "_Places":
        """Those of these paragraphs."""
        if paragraphs is not self._paragraphs:
            texts = paragraph_texts(paragraphs, text_key)
            self._paragraphs, self.text = paragraphs, "".join(texts)
            self.starts = list(accumulate(map(len, texts), initial=0))
            self.units = [len(one.encode("utf-16-le", "surrogatepass")) // 2 for one in texts]
        return self


def paragraph_texts(paragraphs: Any, text_key: str) -> list[str]:
    """The text of each paragraph as a task has them; none for what is no list of such."""
    listed = paragraphs if isinstance(paragraphs, list) else []
    texts = [one.get(text_key) if isinstance(one, dict) else None for one in listed]
    return [one if isinstance(one, str) else "" for one in texts]


def _named_place(value: Any) -> Extent:
    """A place in a document that is told by the ways to its elements."""
    keys = ("start", "startOffset", "end", "endOffset")
    place = tuple(value.get(key) for key in keys)
    if any(isinstance(one, bool) or not isinstance(one, str | int | float) for one in place):
        raise PassedOver(Reason.NO_GEOMETRY)
    return place


def _place_beside(value: Any) -> Extent:
    """The place of a span whose characters are known; empty where it does not tell any."""
    if isinstance(value.get("start"), str) and isinstance(value.get("end"), str):
        with suppress(PassedOver):
            offsets = (_character(value.get("startOffset")), _character(value.get("endOffset")))
            return value["start"], offsets[0], value["end"], offsets[1]
    return ()


def _as_characters(sides: tuple[Answers, Answers]) -> tuple[Answers, Answers]:
    """Both sides with characters in place of places, where another span of the same document tells
    where the characters of these elements begin. What tells both is of characters.
    """
    placed: tuple[list[Sequence[Answer[Extent]]], ...] = ([], [])
    for of_text in zip(*sides, strict=True):
        known = [one.value for answers in of_text for one in answers if len(one.value) > PLACE]
        firsts = _first_characters(known)
        for answers, found in zip(of_text, placed, strict=True):
            is_mixed = bool(known) and bool(answers)
            found.append(
                [replace(one, value=_extent(one.value, firsts)) for one in answers]
                if is_mixed
                else answers
            )
    return placed[0], placed[1]


def _first_characters(known: Sequence[tuple[Any, ...]]) -> dict[str, int]:
    """Where elements begin, by the ways to them; those left out about which spans disagree."""
    found: dict[str, set[int]] = {}
    for start, end, first, offset, last, end_offset in known:
        found.setdefault(first, set()).add(start - offset)
        found.setdefault(last, set()).add(end - end_offset)
    return {way: begins.pop() for way, begins in found.items() if len(begins) == 1}


def _extent(told: tuple[Any, ...], firsts: Mapping[str, int]) -> Extent:
    if len(told) != PLACE:
        return told[:CHARACTERS]
    first, offset, last, end_offset = told
    if first in firsts and last in firsts:
        with suppress(PassedOver):
            ends = firsts[first] + _character(offset), firsts[last] + _character(end_offset)
            return ends if min(ends) >= 0 else told
    return told


def _spans(truths: Answers, predictions: Answers) -> tuple[Spans, Spans]:
    """Both sides; places that are no characters become empty spans, each its own."""
    names: dict[Extent, int] = {}
    sides = []
    for answers in (truths, predictions):
        rows = [
            (text, answer.label, *_characters(answer.value, names))
            for text, of_text in enumerate(answers)
            for answer in of_text
        ]
        sides.append(Spans(*np.array(rows, dtype=np.int64).reshape(-1, 4).T))
    return sides[0], sides[1]


def _characters(extent: Extent, names: dict[Extent, int]) -> tuple[int, int]:
    if len(extent) == CHARACTERS:
        return extent[0], extent[1]
    # No character has such a number.
    place = -1 - names.setdefault(extent, len(names))
    return place, place


def matched_spans(
    truth: Spans, predicted: Spans, scores: Floats
) -> tuple[Objects, Detections, Pairs]:
    """Both sides, and the pairs that have a character in common or are equal.

    `scores` are float64 (n_predicted,). `UnusableRegion` for a text with too many to be compared.
    """
    objects = Objects(image=truth.text, label=truth.label)
    detections = Detections(image=predicted.text, label=predicted.label, score=scores)
    try:
        overlapping = box_pairs(objects, _boxes(truth), detections, _boxes(predicted))
        pairs = join_pairs(chain([overlapping], _empty_pairs(truth, predicted)))
    except TooManyPairs as error:
        text = int(predicted.text[error.detection])
        raise UnusableRegion(text, is_truth=False, region="all", reason=str(error)) from None
    return objects, detections, pairs


def _scores(predictions: Answers) -> Floats:
    return np.array([one.score for answers in predictions for one in answers], dtype=np.float64)


def _boxes(spans: Spans) -> Floats:
    """As boxes of the height of one character, of which the overlap is the same."""
    length = np.maximum(spans.end - spans.start, 0)
    columns = (spans.start, np.zeros(len(spans)), length, np.ones(len(spans)))
    return np.column_stack(columns).astype(np.float64)


def _empty_pairs(truth: Spans, predicted: Spans) -> Iterator[Pairs]:
    """Spans that do not end after their start, and are equal."""
    mine, theirs = (np.flatnonzero(side.end <= side.start) for side in (truth, predicted))
    places = [
        list(zip(*(c[at].tolist() for c in (side.text, side.start, side.end)), strict=True))
        for side, at in ((predicted, theirs), (truth, mine))
    ]
    return equal_pairs(theirs, places[0], mine, places[1])


def _read(images: Sequence[StoredImage], job: Job, notes: Notes) -> tuple[Answers, Answers]:
    sides = read_answers(
        images, job.classes, read_region(job.reading, notes), reading=job.reading, notes=notes
    )
    return _as_characters(sides)


def _count(chunk: Chunk, job: Job, notes: Notes) -> Tally:
    truths, predictions = _read(chunk.images, job, notes)
    spans = _spans(truths, predictions)
    objects, detections, pairs = matched_spans(*spans, _scores(predictions))
    events = match_events(
        objects, detections, pairs, n_classes=len(job.classes), definition=job.definition
    )
    counts = span_counts(*spans, (pairs.detection, pairs.object), len(chunk.images))
    return Tally(events, partial(_state, counts))


def _state(counts: Any, is_mine: Bools) -> bytes:
    return to_state(counts[is_mine])


def _total(gathered: Gathered, job: Job) -> Total:
    sums = read_states(gathered.states)
    return Total(metrics=span_metrics(sums), primary=equal_f1(sums))


def _verdicts(images: Sequence[StoredImage], job: Job, confidence: int) -> list[ImageVerdicts]:
    truths, predictions = _read(images, job, Notes())
    objects, detections, pairs = matched_spans(*_spans(truths, predictions), _scores(predictions))
    verdicts, found = object_verdicts(
        objects, detections, pairs, confidence, definition=job.definition
    )
    by_image = []
    for truth, predicted in zip(truths, predictions, strict=True):
        mine, theirs = verdicts[: len(truth)], found[: len(predicted)]
        del verdicts[: len(truth)], found[: len(predicted)]
        by_image.append(
            ImageVerdicts(
                [one.label for one in truth],
                [None] * len(truth),
                mine,
                [one.label for one in predicted],
                [None] * len(predicted),
                [one.score for one in predicted],
                theirs,
                ([one.region for one in truth], [one.region for one in predicted]),
                ([_facts(one) for one in truth], [_facts(one) for one in predicted]),
            )
        )
    return by_image


def _facts(answer: Answer[Extent]) -> dict[str, Any]:
    return {"span": list(answer.value)} if len(answer.value) == CHARACTERS else {}


ENTITIES = Kind(
    task_type="named-entity-recognition",
    reads=_reads,
    asks_for="Labels on Text, HyperTextLabels, ParagraphLabels",
    needs_data=True,
    count=_count,
    totals=(_total,),
    verdicts=_verdicts,
    counted=("entity", "entities"),
    primary=Primary("f1"),
    iou_threshold=1.0,
    is_inclusive=True,
    parameters=OF_MATCHING,
    drawing="spans",
)
