"""Stretches of time, matched by their overlap; no database."""

import io
from contextlib import redirect_stdout
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from evals.engine.boxes import StoredImage
from evals.engine.events import image_counts
from evals.engine.kinds.table import KINDS
from evals.engine.notes import Notes
from evals.engine.reading import Reading
from predictions.regions.labels import Reason
from tests.evals.engine.tasks import Json, cells, counted, job, stored

KIND: Any = KINDS["temporal-detection"]


def audio(
    start: Any, end: Any, label: str = "speech", score: float | None = None, **more: Any
) -> Json:
    value = {"start": start, "end": end, "labels": [label], **more}
    given = {} if score is None else {"score": score}
    return {"type": "labels", "from_name": "label", "to_name": "audio", "value": value, **given}


def temporal(**more: Any) -> Any:
    return job("temporal-detection", ("speech", "music"), **more)


@pytest.mark.parametrize(
    ("inclusive", "expected"), [(False, [[0, 2, 1], [2, 0, 1]]), (True, [[0, 0, 1]])]
)
def test_the_worked_example(inclusive: bool, expected: list[list[int]]) -> None:
    image = stored([audio(2, 6)], [audio(3, 8, score=0.9)])
    tally, total = counted([image], temporal(inclusive=inclusive))
    assert cells(tally) == expected
    # Average precision takes the limit itself for enough.
    assert total.table.overall.map50 == pytest.approx(1)
    assert total.table.overall.map50_95 == total.primary == pytest.approx(0.1)
    assert total.table.overall.by_size == {}
    verdicts = KIND.verdicts([image], temporal(inclusive=True), 0)[0]
    assert verdicts.found[0].iou == 0.5
    assert verdicts.facts == ([{"interval": [2.0, 6.0]}], [{"interval": [3.0, 8.0]}])
    assert verdicts.regions == ([0], [0])


@pytest.mark.parametrize("engine", ["hotcoco", "pycocotools"])
@pytest.mark.parametrize(
    ("start", "end"),
    [
        (1.123456789, 22.5),
        ("2026-01-01T00:00:00.000001", "2026-01-01T04:00:00"),
        (1e11, 3e11),
        (0, 3e14),
        (1 / 3, 2 / 3),
    ],
)
def test_a_long_stretch_told_finely_is_in_average_precision(
    start: Any, end: Any, engine: str
) -> None:
    image = stored([audio(start, end), audio(start, start)],
                   [audio(start, end, score=0.9), audio(start, start, score=0.8)])  # fmt: skip
    missed = stored([audio(start, end)], [])
    _, total = counted([image, missed], temporal(engine=engine))
    assert total.table.recalls[100] == pytest.approx(2 / 3)
    assert total.table.overall.map50_95 == pytest.approx(67 / 101)


@pytest.mark.parametrize(
    ("truth", "said", "hits"),
    [
        # Channels: the same, another one, none on one side.
        (audio(0, 4, channel=0), audio(0, 4, channel=0), 1),
        (audio(0, 4, channel=0), audio(0, 4, channel=1), 0),
        (audio(0, 4, channel=1), audio(0, 4), 1),
        (audio(0, 4, channel="0"), audio(0, 4, channel=1), 0),
        (audio(0, 4, channel="1"), audio(0, 4, channel=1.0), 1),
        (audio(0, 4, channel=""), audio(0, 4, channel=1), 1),
        # Instants.
        (audio(3, 3), audio(3, 3), 1),
        (audio(3, 3), audio(3.001, 3.001), 0),
        (audio(3, 3), audio(2, 4), 0),
        (audio(3, 3, channel=0), audio(3, 3, channel=1), 0),
        # Told backwards; before the beginning.
        (audio(6, 2), audio(2, 6), 1),
        (audio(-6, -2), audio(-6, -2), 1),
    ],
)
def test_what_pairs(truth: Json, said: Json, hits: int) -> None:
    image = stored([truth], [{**said, "score": 0.9}])
    tally, total = counted([image], temporal())
    assert sum(n for actual, called, n in cells(tally) if actual == called) == hits
    assert total.table.overall.map50_95 == pytest.approx(hits)


@pytest.mark.parametrize("channel", ["left", 0.5, -1, True, [0]])
def test_a_channel_that_is_no_number_is_not_read(channel: Any) -> None:
    """It was of every channel without a word."""
    notes = Notes()
    tally, _ = counted([stored([audio(0, 4)], [audio(0, 4, channel=channel)])], temporal(), notes)
    assert cells(tally) == [[0, 2, 1]]
    assert list(notes.ignored) == [(Reason.NO_GEOMETRY, False)]


def test_channels_are_apart_in_average_precision_where_all_tell_theirs() -> None:
    truth = [audio(0, 4, channel=0), audio(0, 4, channel=1), audio(5, 5, channel=1)]
    said = [audio(0, 4, channel=1, score=0.9), audio(5, 5, channel=0, score=0.8)]
    _, total = counted([stored(truth, said)], temporal())
    assert total.metrics["averageRecall100"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("truth", "said", "recall"),
    [
        # Elsewhere in the recording one without a channel: those of two channels stay apart.
        (
            [audio(0, 4, channel=0), audio(0, 4, channel=1), audio(6, 8)],
            [audio(0, 4, channel=1, score=0.9), audio(0, 4, channel=1, score=0.8)],
            1 / 3,
        ),
        # It overlaps one channel, or two that do not overlap each other.
        ([audio(0, 4, channel=0)], [audio(0, 4, score=0.9), audio(6, 8, channel=1)], 1),
        (
            [audio(0, 4, channel=0), audio(4, 8, channel=1)],
            [audio(0, 4, score=0.9), audio(4, 8, score=0.8)],
            1,
        ),
        # It overlaps two that overlap each other: what its own channel leaves is its.
        (
            [audio(0, 4, channel=0), audio(0, 4, channel=1)],
            [audio(0, 4, score=0.9), audio(0, 4, channel=1, score=0.8)],
            1,
        ),
        # The same of instants.
        (
            [audio(3, 3, channel=0), audio(3, 3, channel=1), audio(6, 8)],
            [audio(3, 3, channel=1, score=0.9), audio(3, 3, channel=1, score=0.8)],
            1 / 3,
        ),
        # The other classes do not decide it.
        (
            [audio(0, 4, channel=0), audio(0, 4, channel=1, label="music")],
            [audio(0, 4, score=0.9), audio(0, 4, score=0.9, label="music")],
            1,
        ),
    ],
)
def test_channels_are_apart_in_average_precision_where_some_tell_theirs(
    truth: list[Json], said: list[Json], recall: float
) -> None:
    tally, total = counted([stored(truth, said)], temporal())
    assert total.metrics["averageRecall100"] == pytest.approx(recall)
    hits = sum(n for actual, called, n in cells(tally) if actual == called)
    assert hits == pytest.approx(recall * len(truth))


def timeline(*ranges: Any, label: str = "speech", **more: Any) -> Json:
    value = {"ranges": [{"start": start, "end": end} for start, end in ranges]}
    return {"type": "timelinelabels", "to_name": "video",
            "value": {**value, "timelinelabels": [label]}, **more}  # fmt: skip


def test_every_range_of_a_timeline_is_an_item() -> None:
    image = stored([timeline((1, 10), (20, 30))], [timeline((1, 10), score=0.9)])
    tally, _ = counted([image], temporal())
    assert cells(tally) == [[0, 0, 1], [0, 2, 1]]


def series(start: Any, end: Any, **more: Any) -> Json:
    value = {"start": start, "end": end, "timeserieslabels": ["speech"]}
    return {"type": "timeserieslabels", "to_name": "ts", "value": value, **more}


@pytest.mark.parametrize(
    ("time_format", "start", "end", "seconds"),
    [
        ("", 1592250751951, 1592250752951, (1592250751951.0, 1592250752951.0)),
        ("", "2020-06-15T20:00:00Z", "2020-06-15 22:00:00+02:00", (1592251200.0, 1592251200.0)),
        ("", "2020-06-15", "2020-06-16", (1592179200.0, 1592265600.0)),
        ("%d/%m/%Y %H:%M:%S.%L", "15/06/2020 20:00:00.250", "15/06/2020 20:00:01.000",
         (1592251200.25, 1592251201.0)),
        ("%d/%m/%Y", "2020-06-15T20:00:00Z", "16/06/2020", (1592251200.0, 1592265600.0)),
    ],
)  # fmt: skip
def test_dates_are_seconds(time_format: str, start: Any, end: Any, seconds: Any) -> None:
    reading = Reading(time_formats={"ts": time_format} if time_format else {})
    verdicts = KIND.verdicts([stored([series(start, end)], [])], temporal(reading=reading), 0)
    assert verdicts[0].facts[0] == [{"interval": list(seconds)}]


@pytest.mark.parametrize("far_ms", [0, 200_000_000, 1_577_836_800_000, 4_102_444_800_000])
@pytest.mark.parametrize("is_dated", [True, False])
def test_half_of_a_second_in_any_century_is_half(far_ms: int, is_dated: bool) -> None:
    """Seconds since 1970 have few digits left for their thousandths."""

    def told(milliseconds: int) -> Any:
        seconds = (far_ms + milliseconds) / 1000
        date = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
        return date if is_dated else seconds

    stretches = [(start, n) for start in range(3, 5000, 97) for n in (20, 200, 640, 3000)]
    images = [
        stored(
            [series(told(start), told(start + n))],
            [series(told(start), told(start + n // 2), score=0.9)],
        )
        for start, n in stretches
    ]
    tally, _ = counted(images, temporal(inclusive=False))
    assert cells(tally) == [[0, 2, len(images)], [2, 0, len(images)]]
    tally, total = counted(images, temporal(inclusive=True))
    assert cells(tally) == [[0, 0, len(images)]]
    assert total.table.overall.map50 == pytest.approx(1)


@pytest.mark.parametrize("time_format", ["%Y %Y", "%", "%Q"])
def test_a_format_that_nobody_can_read(time_format: str) -> None:
    reading = Reading(time_formats={"ts": time_format})
    image = stored([series("2020 2020", "2020 2020")], [])
    assert KIND.verdicts([image], temporal(reading=reading), 0)[0].labels == []


@pytest.mark.parametrize(
    ("region", "reason"),
    [
        (audio(None, 3), Reason.NO_GEOMETRY),
        (audio("yesterday", 3), Reason.NO_GEOMETRY),
        (audio(True, 3), Reason.NO_GEOMETRY),
        (audio(1e300, 3), Reason.NO_GEOMETRY),
        ({**timeline(), "value": {"ranges": 5, "timelinelabels": ["speech"]}}, Reason.NO_GEOMETRY),
        ({**timeline(), "value": {"ranges": [], "timelinelabels": ["speech"]}}, Reason.NO_GEOMETRY),
        (
            {**timeline(), "value": {"ranges": [1], "timelinelabels": ["speech"]}},
            Reason.NO_GEOMETRY,
        ),
        ({**audio(1, 2), "value": {"start": 1, "end": 2}}, Reason.NO_LABEL),
        ({**audio(1, 2), "value": None}, Reason.NO_LABEL),
        ({**audio(1, 2), "type": "choices"}, Reason.OTHER_CONTROL),
        ({**audio(1, 2), "type": []}, Reason.OTHER_CONTROL),
    ],
)
def test_what_is_passed_over(region: Json, reason: Reason) -> None:
    notes = Notes()
    from evals.engine.kinds.kind import Chunk

    chunk = Chunk([StoredImage([region], [], None)], np.array([1]))
    tally = KIND.count(chunk, temporal(), notes)
    assert len(tally.events) == 0
    assert [(found, is_truth) for found, is_truth in notes.ignored] == [(reason, True)]


def scene(seed: int) -> list[tuple[list[Json], list[Json]]]:
    r = np.random.default_rng(seed)
    tasks = []
    for _ in range(20):
        truth, said = [], []
        for _ in range(r.integers(0, 6)):
            start, length = r.integers(0, 50), r.integers(1, 20)
            label = str(r.choice(["speech", "music"]))
            truth.append(audio(int(start), int(start + length), label))
            for _ in range(r.integers(0, 3)):
                ends = np.sort(np.array([start, start + length]) + r.integers(-3, 4, 2))
                score = float(r.choice([0.3, 0.57, r.random()]))
                said.append(audio(int(ends[0]), int(ends[1]) + 1, label, score))
        tasks.append((truth, said))
    return tasks


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_average_precision_is_pycocotools_s_on_such_boxes(seed: int) -> None:
    tasks = scene(seed)
    _, total = counted([stored(*task) for task in tasks], temporal())
    sides: tuple[list[Json], list[Json]] = ([], [])
    for image, task in enumerate(tasks, start=1):
        for side, regions in zip(sides, task, strict=True):
            for one in regions:
                value = one["value"]
                length = value["end"] - value["start"]
                side.append(
                    {"id": len(side) + 1, "image_id": image, "iscrowd": 0, "area": length,
                     "category_id": 1 + (value["labels"] == ["music"]),
                     "bbox": [value["start"], 0, length, 1], "score": one.get("score", 1)}
                )  # fmt: skip
    with redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {"images": [{"id": n} for n in range(1, 21)],
                         "categories": [{"id": 1}, {"id": 2}], "annotations": sides[0]}  # fmt: skip
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(sides[1]), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    overall = total.table.overall
    ours = [overall.map50_95, overall.map50, overall.map75]
    assert ours == pytest.approx(evaluation.stats[:3].tolist(), abs=1e-12)
    assert list(total.metrics.values()) == evaluation.stats[6:9].tolist()


def test_counts_are_those_of_each_confidence_alone() -> None:
    tasks = scene(4)
    tally, _ = counted([stored(*task) for task in tasks], temporal())
    for percent in range(0, 101, 10):
        counts = image_counts(tally.events, percent, n_images=20, n_classes=2)
        for image, (truth, said) in enumerate(tasks):
            kept = [one for one in said if one["score"] >= percent / 100]
            found = KIND.verdicts([stored(truth, kept)], temporal(), 0)[0].found
            hits = sum(one is not None and one.verdict.value == "tp" for one in found)
            assert (counts.tp[image], counts.kept[image]) == (hits, len(kept))
            assert counts.objects[image] == len(truth)
            expected = greedy(truth, kept)
            assert hits == expected


def greedy(truth: list[Json], said: list[Json]) -> int:
    """Right pairs, taken one by one: same class first, then by falling overlap."""
    pairs = []
    for t, true in enumerate(truth):
        for d, one in enumerate(said):
            (a, b), (c, e) = ((r["value"]["start"], r["value"]["end"]) for r in (true, one))
            shared = max(0, min(b, e) - max(a, c))
            overlap = shared / (b - a + e - c - shared)
            if overlap > 0.5 + 1e-9:
                pairs.append((true["value"]["labels"] != one["value"]["labels"], -overlap, t, d))
    taken: tuple[set[int], set[int]] = (set(), set())
    hits = 0
    for is_other, _, t, d in sorted(pairs):
        if t not in taken[0] and d not in taken[1]:
            taken[0].add(t)
            taken[1].add(d)
            hits += not is_other
    return hits
