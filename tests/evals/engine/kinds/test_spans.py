"""Spans of texts: the worked example, the oracles, and what is not a span of characters."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from evals.engine.boxes import Regions, StoredImage
from evals.engine.events import class_counts, image_cells, total_counts, total_events
from evals.engine.kinds.kind import Chunk, Gathered, Job, Total
from evals.engine.kinds.spans import ENTITIES
from evals.engine.matching import Definition
from evals.engine.metrics import scores_of
from evals.engine.notes import Notes
from evals.engine.reading import ObjectOf, Reading

Json = dict[str, Any]
Said = tuple[str, int, int]

LABELS = ("PER", "LOC", "ORG")


def span(label: str | list[str], start: Any, end: Any, **more: Any) -> Json:
    labels = [label] if isinstance(label, str) else label
    value = {"start": start, "end": end, "labels": labels}
    return {"from_name": "label", "to_name": "text", "type": "labels", "value": value, **more}


def text(truth: Sequence[Said], said: Sequence[Said], score: float | None = None) -> StoredImage:
    return StoredImage([span(*one) for one in truth], [span(*one) for one in said], score)


def job(definition: Definition | None = None, **more: Any) -> Job:
    definition = definition or Definition(iou_threshold=1.0, inclusive=True)
    return Job(
        task_type=ENTITIES.task_type,
        classes=LABELS,
        confidence=20,
        definition=definition,
        **more,
    )


def measured(texts: Sequence[StoredImage], chunk: int = 10**6, **more: Any) -> Total:
    """What is measured of texts that are counted some at a time."""
    states = []
    for first in range(0, len(texts), chunk):
        some = texts[first : first + chunk]
        tally = ENTITIES.count(Chunk(some, np.arange(len(some))), job(**more), Notes())
        assert tally.state is not None
        states.append(tally.state(np.ones(len(some), dtype=np.bool_)))
    tally = ENTITIES.count(Chunk(texts, np.arange(len(texts))), job(**more), Notes())
    gathered = Gathered(states=states, events=total_events(tally.events), n_images=len(texts))
    return ENTITIES.total(gathered, job(**more))


EXAMPLE = text(
    [("PER", 0, 12), ("PER", 17, 24), ("LOC", 28, 34)],
    [("PER", 0, 3), ("LOC", 13, 16), ("PER", 17, 24), ("ORG", 28, 34)],
)


def test_worked_example() -> None:
    tally = ENTITIES.count(Chunk([EXAMPLE], np.arange(1)), job(), Notes())
    person, place, organisation, background = range(4)
    assert image_cells(tally.events, 20).triples(1) == [
        [
            [person, person, 1],
            [person, background, 1],
            [place, organisation, 1],
            [background, person, 1],
            [background, place, 1],
        ]
    ]
    counts = total_counts(tally.events, n_classes=3)
    assert (counts.tp[20], counts.fp[20], counts.fn[20]) == (1, 3, 2)
    total = measured([EXAMPLE])
    found = {
        name: (scheme["precision"], scheme["recall"])
        for name, scheme in total.metrics.items()
        if isinstance(scheme, dict)
    }
    assert found == {
        "strict": (1 / 4, 1 / 3),
        "exact": (2 / 4, 2 / 3),
        "partial": (2.5 / 4, 2.5 / 3),
        "type": (2 / 4, 2 / 3),
    }
    assert total.metrics["strict"] == {
        "precision": 1 / 4,
        "recall": 1 / 3,
        "f1": pytest.approx(2 / 7, abs=1e-15),
    }
    assert total.primary == pytest.approx(2 / 7, abs=1e-15)


def test_examined_spans_say_where_they_are_and_what_they_became() -> None:
    (one,) = ENTITIES.verdicts([EXAMPLE], job(), 20)

    assert [fact["span"] for fact in one.facts[0]] == [[0, 12], [17, 24], [28, 34]]
    assert [fact["span"] for fact in one.facts[1]] == [[0, 3], [13, 16], [17, 24], [28, 34]]
    assert one.regions == ([0, 1, 2], [0, 1, 2, 3])
    became = [(v.verdict.value, v.matched, v.iou) for v in one.truths if v is not None]
    assert became == [("fn", None, None), ("tp", 2, 1.0), ("wrong_class", 3, 1.0)]
    said = [(v.verdict.value, v.matched) for v in one.found if v is not None]
    assert said == [("fp", None), ("fp", None), ("tp", 1), ("wrong_class", 2)]


def random_texts(seed: int, n_texts: int, *, may_overlap: bool) -> list[StoredImage]:
    r = np.random.default_rng(seed)

    def side() -> list[Said]:
        spans: list[Said] = []
        free = 0
        for _ in range(r.integers(0, 7)):
            start = int(r.integers(0, 30) if may_overlap else free + r.integers(0, 4))
            end = start + int(r.integers(1, 8))
            free = end
            spans.append((str(r.choice(LABELS)), start, end))
        # None twice: the oracles know no such.
        unique = list(dict.fromkeys(spans))
        return [unique[at] for at in r.permutation(len(unique))]

    texts = []
    for _ in range(n_texts):
        truth = side()
        kept = [one for one in truth if r.random() < 0.6]
        said = list(dict.fromkeys([*kept, *side()])) if may_overlap else r.choice([0, 1])
        if not may_overlap:
            said = _changed(r, truth) if said else side()
        texts.append(text(truth, said))
    return texts


def _changed(r: np.random.Generator, truth: Sequence[Said]) -> list[Said]:
    """The true spans, some with another class, some shorter, some gone."""
    said = []
    for label, start, end in truth:
        chance = r.random()
        if chance < 0.15:
            continue
        other = str(r.choice(LABELS)) if chance < 0.4 else label
        said.append((other, start, end - (chance > 0.8 and end - start > 1)))
    return said


def spans_of(regions: Regions) -> list[Said]:
    values = [one["value"] for one in regions]
    return [(one["labels"][0], one["start"], one["end"]) for one in values]


@pytest.mark.parametrize("seed", range(6))
def test_schemes_equal_nervaluate(seed: int) -> None:
    from nervaluate import Evaluator

    texts = random_texts(seed, 150, may_overlap=True)
    sides = [
        [
            [
                # Its ends are the last character.
                {"label": label, "start": start, "end": end - 1}
                for label, start, end in spans_of(side)
            ]
            for side in some
        ]
        for some in ([one.truth for one in texts], [one.predicted for one in texts])
    ]
    # It takes spans in the order they come in.
    ordered = [
        [sorted(one, key=lambda span: (span["start"], span["end"])) for one in side]
        for side in sides
    ]
    expected = Evaluator(*ordered, tags=list(LABELS), loader="dict").evaluate()["overall"]

    found = measured(texts, chunk=37).metrics
    for ours, theirs in (
        ("strict", "strict"),
        ("exact", "exact"),
        ("partial", "partial"),
        ("type", "ent_type"),
    ):
        one, scheme = expected[theirs], found[ours]
        assert isinstance(scheme, dict)
        assert scheme == {
            "precision": pytest.approx(one.precision, abs=1e-12),
            "recall": pytest.approx(one.recall, abs=1e-12),
            "f1": pytest.approx(one.f1, abs=1e-12),
        }


@pytest.mark.parametrize("seed", range(4))
def test_counts_equal_seqeval(seed: int) -> None:
    from seqeval.metrics.v1 import precision_recall_fscore_support
    from seqeval.scheme import IOB2

    texts = random_texts(seed, 200, may_overlap=False)

    def tags(regions: Regions) -> list[str]:
        tagged = ["O"] * 80
        for label, start, end in spans_of(regions):
            tagged[start:end] = [f"I-{label}"] * (end - start)
            tagged[start] = f"B-{label}"
        return tagged

    sides = [[tags(one.truth) for one in texts], [tags(one.predicted) for one in texts]]
    tally = ENTITIES.count(Chunk(texts, np.arange(len(texts))), job(), Notes())

    p, r, f, _ = precision_recall_fscore_support(*sides, scheme=IOB2, average="micro")
    micro = scores_of(total_counts(tally.events, n_classes=3)).at(0)
    assert (micro.precision, micro.recall, micro.f1) == pytest.approx((p, r, f), abs=1e-12)
    assert measured(texts).primary == pytest.approx(f, abs=1e-12)
    by_class = scores_of(class_counts(tally.events, n_classes=3))
    ps, rs, fs, _ = precision_recall_fscore_support(*sides, scheme=IOB2)
    # Its classes are sorted by name.
    for place, label in enumerate(sorted(LABELS)):
        mine = LABELS.index(label)
        found = by_class.precision[0, mine], by_class.recall[0, mine], by_class.f1[0, mine]
        assert found == pytest.approx((ps[place], rs[place], fs[place]), abs=1e-12)


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_chunks_change_no_bit(chunk: int) -> None:
    texts = random_texts(11, 90, may_overlap=True)

    assert measured(texts, chunk) == measured(texts)


def test_nothing_to_measure_is_null() -> None:
    nothing = {"precision": None, "recall": None, "f1": None}
    none = {"precision": 0.0, "recall": 0.0, "f1": 0.0}

    total = measured([text([], [])])
    assert (dict(total.metrics), total.primary) == (
        {"f1": None, **dict.fromkeys(("strict", "exact", "partial", "type"), nothing)},
        None,
    )
    total = measured([text([("PER", 0, 3)], [])])
    assert (dict(total.metrics), total.primary) == (
        {"f1": 0.0, **dict.fromkeys(("strict", "exact", "partial", "type"), none)},
        0.0,
    )


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (Definition(iou_threshold=0.5), (0, 1, 1)),
        (Definition(iou_threshold=0.5, inclusive=True), (1, 0, 0)),
        (Definition(iou_threshold=0.4), (1, 0, 0)),
    ],
)
def test_the_limit_is_of_characters_in_common(
    definition: Definition, expected: tuple[int, int, int]
) -> None:
    # Four characters in common of eight.
    one = text([("PER", 0, 8)], [("PER", 0, 4)])
    tally = ENTITIES.count(Chunk([one], np.arange(1)), job(definition), Notes())
    counts = total_counts(tally.events, n_classes=3)
    assert (counts.tp[20], counts.fp[20], counts.fn[20]) == expected


def counted(one: StoredImage, reading: Reading | None = None) -> tuple[int, int, int]:
    tally = ENTITIES.count(Chunk([one], np.arange(1)), job(reading=reading or Reading()), Notes())
    counts = total_counts(tally.events, n_classes=3)
    return int(counts.tp[0]), int(counts.fp[0]), int(counts.fn[0])


def test_a_span_that_does_not_end_after_its_start_is_equal_or_not() -> None:
    same = text([("PER", 5, 5), ("PER", 9, 3)], [("PER", 5, 5), ("PER", 9, 3)])
    other = text([("PER", 5, 5)], [("PER", 5, 6)])

    assert (counted(same), counted(other)) == ((2, 0, 0), (0, 1, 1))


def test_each_label_of_a_span_is_an_item() -> None:
    one = StoredImage([span(["PER", "ORG"], 0, 4)], [span(["ORG", "LOC"], 0, 4)], None)

    # The same class first; what is left is taken for each other.
    assert counted(one) == (1, 1, 1)
    assert len(ENTITIES.verdicts([one], job(), 0)[0].truths) == 2


def hypertext(value: Json) -> Json:
    value = {"hypertextlabels": ["PER"], **value}
    return {"from_name": "label", "to_name": "text", "type": "hypertextlabels", "value": value}


WAY = {"start": "/p[1]/text()[1]", "startOffset": 2, "end": "/p[1]/text()[1]", "endOffset": 9}


@pytest.mark.parametrize(
    ("truth", "said", "expected"),
    [
        (WAY, WAY, (1, 0, 0)),
        (WAY, {**WAY, "endOffset": 8}, (0, 1, 1)),
        (WAY, {**WAY, "end": "/p[2]/text()[1]"}, (0, 1, 1)),
        # Where both are told, the characters count.
        (
            {**WAY, "globalOffsets": {"start": 2, "end": 9}},
            {**WAY, "endOffset": 8, "globalOffsets": {"start": 2, "end": 9}},
            (1, 0, 0),
        ),
    ],
)
def test_hypertext(truth: Json, said: Json, expected: tuple[int, int, int]) -> None:
    assert counted(StoredImage([hypertext(truth)], [hypertext(said)], None)) == expected


def test_paragraphs_stand_one_after_the_other() -> None:
    reading = Reading(
        shapes=frozenset(),
        controls=("label",),
        needs_data=True,
        objects=(ObjectOf("text", ("dialogue",), text_key="words"),),
    )
    data = [{"words": "Hello Ada", "author": "B"}, {"words": "London calls"}]

    def region(start: str, at: int, end: str, until: int) -> Json:
        value = {"start": start, "startOffset": at, "end": end, "endOffset": until}
        return {
            "from_name": "label",
            "to_name": "text",
            "type": "paragraphlabels",
            "value": {**value, "paragraphlabels": ["PER"]},
        }

    whole = region("0", 6, "1", 6)
    # Of no paragraph, and beyond the text of its own, where the next one stands.
    lost = [region("7", 0, "7", 2), region("0", 9, "0", 15)]
    one = StoredImage([whole], [region("0", 6, "1", 6), *lost], None, data=data)
    notes = Notes()
    ENTITIES.count(Chunk([one], np.arange(1)), job(reading=reading), notes)

    (verdicts,) = ENTITIES.verdicts([one], job(reading=reading), 0)
    assert verdicts.facts == ([{"span": [6, 15]}], [{"span": [6, 15]}])
    assert [(reason.value, side) for reason, side in notes.ignored] == [("no_geometry", False)]
    assert [one.regions for one in notes.ignored.values()] == [2]


def test_the_end_of_a_paragraph_with_an_emoji_is_its_end() -> None:
    """However the emoji is counted, the next paragraph's first character is none of it."""
    reading = Reading(objects=(ObjectOf("talk", ("talk",), text_key="words"),), needs_data=True)
    data = [{"words": "Ada \U0001f600"}, {"words": "Bye"}]

    def region(end: int) -> Json:
        place = {"start": "0", "startOffset": 4, "end": "0", "endOffset": end}
        return {"type": "paragraphlabels", "value": {**place, "paragraphlabels": ["PER"]}}

    for end, spans in ((5, [[4, 5]]), (6, [[4, 5]]), (7, [])):
        one = StoredImage([region(5)], [region(end)], None, data=data)
        (verdicts,) = ENTITIES.verdicts([one], job(reading=reading), 0)
        assert verdicts.facts == ([{"span": [4, 5]}], [{"span": span} for span in spans])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"start": None}, "no_geometry"),
        ({"start": -1}, "no_geometry"),
        ({"start": 1.5}, "no_geometry"),
        ({"start": True}, "no_geometry"),
        ({"end": [3]}, "no_geometry"),
        ({"end": 10**30}, "no_geometry"),
        ({"start": "x"}, "no_geometry"),
        ({"start": "0", "startOffset": {}}, "no_geometry"),
        ({"labels": []}, "no_label"),
        ({"labels": [7]}, "invalid_label"),
    ],
)
def test_what_is_no_span_is_passed_over(value: Json, reason: str) -> None:
    region = span("PER", 0, 3)
    region["value"] |= value
    notes = Notes()
    one = StoredImage([], [region], None)
    ENTITIES.count(Chunk([one], np.arange(1)), job(), notes)

    assert [(found.value, side) for found, side in notes.ignored] == [(reason, False)]
    assert notes.unusable == [0, 1]
