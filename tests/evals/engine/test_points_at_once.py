"""Key points of a result read at once are those of which each is read for itself."""

from typing import Any

import numpy as np
import orjson
import pytest

from evals.engine.boxes import RegionText, StoredImage
from evals.engine.kinds.keypoints import KEYPOINTS, pixel_points
from evals.engine.kinds.kind import Chunk
from evals.engine.notes import Notes
from evals.engine.reading import Reading
from tests.evals.engine.tasks import Json, job

SIZE = {"original_width": 640, "original_height": 480}
READING = Reading(
    shapes=KEYPOINTS.shapes, has_keypoints=True, keypoints=(("nose", "Nose"), ("eye", "eye"))
)


def box(id_: Any = "b", **more: Any) -> Json:
    value = {"x": 10, "y": 20, "width": 30, "height": 40, "rectanglelabels": ["cat"], **more}
    return {**SIZE, "id": id_, "type": "rectanglelabels", "value": value, "score": 0.5}


def point(name: Any = "nose", parent: Any = "b", x: Any = 12.5, y: Any = 25, **more: Any) -> Json:
    value = {"x": x, "y": y, "width": 1, "keypointlabels": [name]}
    return {**SIZE, "type": "keypointlabels", "parentID": parent, "value": value, **more}


ODD: dict[str, list[Json]] = {
    "both names": [box(), point(), point("eye", x=1, y=1 / 3), point("Nose", x=99)],
    "before the box": [point(), box(), point("eye")],
    "two boxes": [box("b"), box("c", rotation=30), point(), point(parent="c", y=70.7)],
    "an id that stands twice": [box(x=1), box(x=2), point()],
    "numbers as ids": [box(7), point(parent=7), point("eye", parent="7")],
    "an id that is true": [box(True), point(parent=1)],
    "no parent": [box(), point(parent=None), point("eye", parent="z"), point(parent=["b"])],
    "an unknown name": [box(), point("tail"), point("eye")],
    "no place": [box(), point(x=None), point("eye", y="3"), point(x=1e4)],
    "no name": [box(), point(""), {**point(), "value": {"x": 1, "y": 2}}],
    "a bare point with a label beside": [
        box(),
        {**point(id="p"), "type": "keypoint", "value": {"x": 3, "y": 4}},
        {"id": "p", "type": "labels", "value": {"labels": ["eye"]}},
    ],
    "no value": [box(), point(), {"type": "relation", "from_id": "a", "to_id": "b"}],
}


def as_text(regions: list[Json]) -> RegionText:
    return RegionText(orjson.dumps(regions).decode())


@pytest.mark.parametrize("regions", ODD.values(), ids=ODD)
def test_odd_points(regions: list[Json]) -> None:
    of: Any = job("keypoint-detection", ("cat",), reading=READING)
    told = []
    for image in (
        StoredImage(regions, list(regions), 0.25),
        StoredImage(as_text(regions), as_text(regions), 0.25),
    ):
        notes = Notes()
        KEYPOINTS.count(Chunk([image], np.array([1])), of, notes)
        told.append(([points.tolist() for points in pixel_points(image, of)], notes))
    assert told[0] == told[1]


def test_what_data_sets_consist_of_is_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    regions = [box("b"), box("c"), point(), point("eye", parent="c")]
    text = as_text(regions)
    monkeypatch.setattr(RegionText, "regions", property(lambda _: pytest.fail("read alone")))
    of: Any = job("keypoint-detection", ("cat",), reading=READING)
    truth, said = pixel_points(StoredImage(text, text, None), of)
    assert truth.tolist() == said.tolist()
    assert truth[..., 2].tolist() == [[1, 0], [0, 1]]
