"""The data of the benchmark of kinds: made-up tasks of each, and each kind's oracle on them.

A scene has a labelling config, seeded tasks as an import takes them, and its oracle.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks import evaluated, oracles
from benchmarks.oracles import LABELS, Json, Sides

WIDTH, HEIGHT = evaluated.WIDTH, evaluated.HEIGHT
POINTS = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee",
    "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
WORDS = ("a", "storm", "over", "the", "old", "harbour", "kept", "every", "ship", "ashore", "for")


@dataclass(frozen=True, slots=True)
class Scene:
    """One kind: its controls and object, its tasks' results by number, and its oracle."""

    task_type: str
    control: str
    tag: str
    results: Callable[[np.random.Generator], tuple[list[Json], list[Json]]]
    oracle: Callable[[Sides], Callable[[], object]] | None
    #: pycocotools' rasters alone, where average precision compares masks.
    rasters: Callable[[Sides], Callable[[], object]] | None = None

    @property
    def config(self) -> str:
        """The labelling config."""
        return f"<View>{self.tag}{self.control}</View>"

    def sides(self, n: int) -> Sides:
        """[truth, predicted] of each task; the same number gives the same task."""
        return [list(self.results(np.random.default_rng([7, number]))) for number in range(n)]


def tasks(sides: Sides, first: int = 0) -> list[Json]:
    """The tasks as an import takes them."""
    return [
        {
            "data": {"image": f"http://images.test/{number}.jpg", "text": " ".join(WORDS * 6)},
            "meta": {"split": ("test", "valid", "train")[number % 3]},
            "annotations": [{"result": truth, "ground_truth": True}],
            "predictions": [{"result": predicted, "model_version": "v1"}],
        }
        for number, (truth, predicted) in enumerate(sides, start=first)
    ]


def _labels(tag: str, to_name: str, names: Any = LABELS) -> str:
    inside = "".join(f'<Label value="{name}"/>' for name in names)
    return f'<{tag} name="label" toName="{to_name}">{inside}</{tag}>'


def _region(kind: str, value: Json, score: float | None = None, to: str = "image") -> Json:
    found: Json = {"from_name": "label", "to_name": to, "type": kind, "value": value}
    if to == "image":
        found |= {"original_width": WIDTH, "original_height": HEIGHT}
    return found if score is None else {**found, "score": score}


def _boxes(r: np.random.Generator, turn: float) -> tuple[list[Json], list[Json]]:
    """7 objects and 30 detections, half of these near an object."""
    truth = np.column_stack([r.uniform(0, 80, (7, 2)), r.uniform(3, 20, (7, 2))])
    at = r.integers(0, 7, 15)
    near = truth[at] + r.normal(0, 0.3, (15, 4))
    far = np.column_stack([r.uniform(0, 80, (15, 2)), r.uniform(3, 20, (15, 2))])
    boxes = np.abs(np.concatenate([near, far]))
    labels = r.integers(0, 10, 7)
    named = np.concatenate([labels[at], r.integers(0, 10, 15)])
    turns = r.uniform(0, turn, 7)
    their_turns = np.concatenate([turns[at], r.uniform(0, turn, 15)])
    mine = [_box(*one, None) for one in zip(truth, labels, turns, strict=True)]
    scores = r.random(30).round(6).tolist()
    theirs = [_box(*one) for one in zip(boxes, named, their_turns, scores, strict=True)]
    return mine, theirs


def _box(box: Any, label: int, turn: float, score: float | None) -> Json:
    x, y, width, height = box.tolist()
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": float(turn)}
    return _region("rectanglelabels", {**value, "rectanglelabels": [LABELS[label]]}, score)


def _outlines(r: np.random.Generator) -> tuple[list[Json], list[Json]]:
    """The same boxes as polygons of 12 points, every third an ellipse."""
    return tuple(  # type: ignore[return-value]
        [_outline(one, n) for n, one in enumerate(side)] for side in _boxes(r, 0)
    )


def _outline(box: Json, n: int) -> Json:
    value, score = box["value"], box.get("score")
    x, y = value["x"] + value["width"] / 2, value["y"] + value["height"] / 2
    across, down = value["width"] / 2, value["height"] / 2
    names = value["rectanglelabels"]
    if n % 3 == 0:
        ellipse = {"x": x, "y": y, "radiusX": across, "radiusY": down, "rotation": 0}
        return _region("ellipselabels", {**ellipse, "ellipselabels": names}, score)
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    points = np.column_stack([x + across * np.cos(angles), y + down * np.sin(angles)])
    return _region("polygonlabels", {"points": points.tolist(), "polygonlabels": names}, score)


def _areas(r: np.random.Generator) -> tuple[list[Json], list[Json]]:
    """3 areas, and the same a little off, of which a third are called otherwise."""
    truth = np.column_stack([r.uniform(0, 60, (3, 2)), r.uniform(15, 40, (3, 2))])
    labels = r.integers(0, 10, 3)
    named = np.where(r.random(3) < 0.3, r.integers(0, 10, 3), labels)
    moved = np.abs(truth + r.normal(0, 1, (3, 4)))
    # No ellipses: a project's areas are of one control.
    mine = [
        _outline(_box(one, label, 0.0, None), 1) for one, label in zip(truth, labels, strict=True)
    ]
    scored = zip(moved, named, r.random(3).tolist(), strict=True)
    return mine, [_outline(_box(one, label, 0.0, score), 1) for one, label, score in scored]


def _poses(r: np.random.Generator) -> tuple[list[Json], list[Json]]:
    """2 persons and 3 detections, of 17 points each."""
    sides: tuple[list[Json], list[Json]] = ([], [])
    for n in range(3):
        box = np.array([*r.uniform(0, 60, 2), *r.uniform(15, 35, 2)])
        points = box[:2] + r.random((17, 2)) * box[2:]
        if n < 2:
            sides[0].extend(_pose(f"t{n}", box, points, None))
        moved = points + r.normal(0, 1, points.shape)
        sides[1].extend(_pose(f"p{n}", box, moved, float(r.random())))
    return sides


def _pose(id_: str, box: Any, points: Any, score: float | None) -> list[Json]:
    found = [{**_box(box, 0, 0.0, score), "id": id_}]
    for name, (x, y) in zip(POINTS, points.tolist(), strict=True):
        value = {"x": x, "y": y, "width": 0.5, "keypointlabels": [name]}
        point = _region("keypointlabels", value)
        found.append({**point, "from_name": "points", "parentID": id_})
    return found


def _stretches(r: np.random.Generator) -> tuple[list[Json], list[Json]]:
    """7 stretches and 15 detections, half of these near one."""
    starts, lengths, labels = r.uniform(0, 500, 7), r.uniform(5, 60, 7), r.integers(0, 10, 7)
    at = r.integers(0, 7, 15)
    moved = starts[at] + r.normal(0, 4, 15) * np.where(np.arange(15) < 8, 1, 40)
    rows = zip(starts, lengths, labels, strict=True)
    theirs = zip(moved, lengths[at], labels[at], r.random(15), strict=True)
    return [_stretch(*row) for row in rows], [_stretch(*row) for row in theirs]


def _stretch(start: float, length: float, label: int, score: float | None = None) -> Json:
    value = {"start": float(start), "end": float(start + length), "labels": [LABELS[label]]}
    return _region("labels", value, None if score is None else float(score), "audio")


def _spans(r: np.random.Generator) -> tuple[list[Json], list[Json]]:
    """8 entities that do not overlap, and as many predicted, of which a third differ."""
    starts = np.arange(8) * 25 + r.integers(0, 10, 8)
    lengths, labels = r.integers(3, 14, 8), r.integers(0, 10, 8)
    shorter = lengths - (r.random(8) < 0.15)
    named = np.where(r.random(8) < 0.2, r.integers(0, 10, 8), labels)
    mine = [_span(*row) for row in zip(starts, lengths, labels, strict=True)]
    theirs = [
        {**_span(*row), "score": float(score)}
        for *row, score in zip(starts, shorter, named, r.random(8), strict=True)
    ]
    return mine, theirs


def _span(start: int, length: int, label: int) -> Json:
    value = {"start": int(start), "end": int(start + length), "labels": [LABELS[label]]}
    return _region("labels", value, to="text")


def _one_of(kind: str, key: str, make: Callable[[Any], tuple[Any, Any]]) -> Any:
    """A task with one answer on each side."""

    def results(r: np.random.Generator) -> tuple[list[Json], list[Json]]:
        truth, said = make(r)
        score = float(r.random())
        return [_region(kind, {key: truth}, to="text")], [
            _region(kind, {key: said}, score, to="text")
        ]

    return results


def _class(r: np.random.Generator) -> tuple[list[str], list[str]]:
    truth = int(r.integers(0, 10))
    said = truth if r.random() < 0.7 else int(r.integers(0, 10))
    return [LABELS[truth]], [LABELS[said]]


def _stars(r: np.random.Generator) -> tuple[int, int]:
    truth = int(r.integers(1, 6))
    return truth, int(np.clip(truth + r.integers(-1, 2), 1, 5))


def _number(r: np.random.Generator) -> tuple[float, float]:
    truth = float(r.normal(50, 20))
    return truth, truth + float(r.normal(0, 5))


def _texts(r: np.random.Generator) -> tuple[list[str], list[str]]:
    """Lines of 20 words, of which a seventh are misread."""
    truth = r.choice(WORDS, 20).tolist()
    said = [word[:-1] + "x" if r.random() < 0.15 else word for word in truth]
    return [" ".join(truth)], [" ".join(said)]


def _paths(r: np.random.Generator) -> tuple[list[list[str]], list[list[str]]]:
    """Two paths of three steps in a tree of 6 * 6 * 6."""
    truth = r.integers(0, 6, (2, 3))
    said = np.where(r.random((2, 3)) < 0.2, r.integers(0, 6, (2, 3)), truth)
    return _named(truth), _named(said)


def _named(paths: Any) -> list[list[str]]:
    return [[f"a{a}", f"b{a}{b}", f"c{a}{b}{c}"] for a, b, c in paths.tolist()]


def _tree() -> str:
    def choices(depth: int, name: str) -> str:
        inside = "".join(
            f'<Choice value="{letter}{name}{n}">{choices(depth + 1, f"{name}{n}")}</Choice>'
            for n in range(6)
            for letter in "abc"[depth : depth + 1]
        )
        return inside if depth < 3 else ""

    return f'<Taxonomy name="label" toName="text">{choices(0, "")}</Taxonomy>'


IMAGE = '<Image name="image" value="$image"/>'
TEXT = '<Text name="text" value="$text"/>'
AUDIO = '<Audio name="audio" value="$image"/>'
RECTANGLES = _labels("RectangleLabels", "image")
SCENES: dict[str, Scene] = {
    "boxes": Scene(
        "object-detection",
        RECTANGLES,
        IMAGE,
        lambda r: _boxes(r, 0),
        oracles.average_precision("bbox", oracles.coco_box),
    ),
    "turned boxes": Scene(
        "object-detection", RECTANGLES, IMAGE, lambda r: _boxes(r, 180), oracles.shapely_overlaps
    ),
    "outlines": Scene(
        "instance-segmentation",
        _labels("PolygonLabels", "image")
        + _labels("EllipseLabels", "image").replace('"label"', '"ellipse"'),
        IMAGE,
        _outlines,
        oracles.average_precision("segm", oracles.coco_outline),
        oracles.rasters,
    ),
    "pixels": Scene(
        "semantic-segmentation",
        _labels("PolygonLabels", "image"),
        IMAGE,
        _areas,
        oracles.pixel_matrix,
    ),
    "key points": Scene(
        "keypoint-detection",
        RECTANGLES + _labels("KeyPointLabels", "image", POINTS).replace('"label"', '"points"'),
        IMAGE,
        _poses,
        oracles.average_precision("keypoints", oracles.coco_pose),
    ),
    "time": Scene(
        "temporal-detection",
        _labels("Labels", "audio"),
        AUDIO,
        _stretches,
        oracles.average_precision("bbox", oracles.coco_stretch),
    ),
    "entities": Scene(
        "named-entity-recognition",
        _labels("Labels", "text"),
        TEXT,
        _spans,
        oracles.nervaluate_schemes,
    ),
    "classes": Scene(
        "classification",
        _labels("Choices", "text").replace("<Label ", "<Choice "),
        TEXT,
        _one_of("choices", "choices", _class),
        oracles.accuracy,
    ),
    "taxonomy": Scene(
        "taxonomy", _tree(), TEXT, _one_of("taxonomy", "taxonomy", _paths), oracles.jaccard
    ),
    "rating": Scene(
        "rating",
        '<Rating name="label" toName="text"/>',
        TEXT,
        _one_of("rating", "rating", _stars),
        oracles.kappas,
    ),
    "regression": Scene(
        "regression",
        '<Number name="label" toName="text"/>',
        TEXT,
        _one_of("number", "number", _number),
        oracles.errors,
    ),
    "transcription": Scene(
        "transcription",
        '<TextArea name="label" toName="text"/>',
        TEXT,
        _one_of("textarea", "text", _texts),
        oracles.error_rates,
    ),
}
