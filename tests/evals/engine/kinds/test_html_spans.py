"""Spans of documents of which one side tells characters and the other the ways to elements."""

from typing import Any

import numpy as np
import pytest

from evals.engine.boxes import StoredImage
from evals.engine.events import image_cells
from evals.engine.kinds.kind import Chunk, Job
from evals.engine.kinds.spans import ENTITIES
from evals.engine.matching import Definition
from evals.engine.notes import Notes

Json = dict[str, Any]
P, Q = "/p[1]/text()[1]", "/p[2]/text()[1]"
JOB = Job(
    task_type=ENTITIES.task_type,
    classes=("A",),
    confidence=20,
    definition=Definition(iou_threshold=1.0, inclusive=True),
)
HIT, MISS, SURPLUS = [0, 0, 1], [0, 1, 1], [1, 0, 1]


def span(place: tuple[Any, Any, Any, Any] | None, characters: Any = None) -> Json:
    value: Json = {"hypertextlabels": ["A"]}
    if place is not None:
        value |= dict(zip(("start", "startOffset", "end", "endOffset"), place, strict=True))
    if characters is not None:
        value["globalOffsets"] = {"start": characters[0], "end": characters[1]}
    return {"from_name": "l", "to_name": "h", "type": "hypertextlabels", "value": value}


BOTH = span((P, 2, P, 7), (12, 17))
ACROSS = span((P, 2, Q, 3), (12, 33))


@pytest.mark.parametrize(
    ("truth", "predicted", "cells"),
    [
        ([BOTH], [span((P, 2, P, 7))], [HIT]),
        ([span((P, 2, P, 7))], [BOTH], [HIT]),
        ([BOTH], [span(None, (12, 17))], [HIT]),
        ([BOTH], [span((P, 2, P, 6))], [MISS, SURPLUS]),
        ([BOTH, ACROSS], [span((Q, 0, Q, 3)), span((P, 2, Q, 3))], [HIT, MISS, SURPLUS]),
        ([ACROSS, span(None, (30, 33))], [span((Q, 0, Q, 3))], [HIT, MISS]),
        # Of an element that nobody tells the characters of.
        ([BOTH], [span((Q, 2, Q, 7))], [MISS, SURPLUS]),
        ([BOTH, span((Q, 2, Q, 7))], [span((Q, 2, Q, 7))], [HIT, MISS]),
        # Before the first character.
        ([BOTH, span((Q, 9, Q, 10), (3, 4))], [span((Q, 1, Q, 2))], [[0, 1, 2], SURPLUS]),
        # Spans that disagree about an element say nothing about it.
        ([BOTH, span((P, 2, P, 7), (13, 18))], [span((P, 2, P, 7))], [[0, 1, 2], SURPLUS]),
        # Ways that are none.
        ([span((1, 2, None, 7), (12, 17))], [span(None, (12, 17))], [HIT]),
        ([span((P, -1, P, "x"), (12, 17))], [span(None, (12, 17))], [HIT]),
    ],
)  # fmt: skip
def test_places_are_characters_where_another_span_tells_so(
    truth: list[Json], predicted: list[Json], cells: list[list[int]]
) -> None:
    images = [StoredImage(truth, predicted, None), StoredImage([], [], None)]
    tally = ENTITIES.count(Chunk(images, np.arange(2)), JOB, Notes())
    assert image_cells(tally.events, 20).triples(2) == [cells, []]


def test_what_is_shown_of_them() -> None:
    image = StoredImage([BOTH], [span((P, 2, P, 7)), span((Q, 2, Q, 7))], None)
    (one,) = ENTITIES.verdicts([image], JOB, 20)
    assert one.facts == ([{"span": [12, 17]}], [{"span": [12, 17]}, {}])
    assert [v.verdict.value for v in one.truths if v is not None] == ["tp"]
