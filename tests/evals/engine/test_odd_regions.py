"""Whatever is stored as a region of a pose, a mask or a stretch of time, reading it ends well."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.engine.boxes import StoredImage
from evals.engine.errors import UnknownLabels
from evals.engine.kinds.kind import Chunk
from evals.engine.kinds.table import KINDS
from evals.engine.matched.shapes import NeedsWider
from evals.engine.notes import Notes
from evals.engine.reading import Reading
from tests.evals.engine.tasks import Json, job

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "7", "cat", "b", "2020-01-01", "data:image/png;base64,AAAA"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xy"), inner),
    max_leaves=3,
)
VALUES = st.dictionaries(
    st.sampled_from(
        ["x", "y", "width", "height", "rotation", "start", "end", "channel", "imageDataURL",
         "radiusX", "radiusY", "points"]
    ),
    st.floats(-50, 150) | JSON,
)  # fmt: skip
LABELS = st.dictionaries(
    st.sampled_from(
        ["labels", "rectanglelabels", "keypointlabels", "bitmasklabels", "timeserieslabels",
         "timelinelabels", "ellipselabels"]
    ),
    st.just(["cat"]) | JSON,
)  # fmt: skip
TYPES = ["labels", "rectanglelabels", "keypointlabels", "bitmasklabels", "timeserieslabels",
         "timelinelabels", "ellipselabels", "keypoint", "rectangle"]  # fmt: skip
REGIONS = st.lists(
    st.builds(
        lambda value, labels, ranges, **more: {
            "value": {**value, **labels, **({"ranges": ranges} if ranges is not None else {})},
            **more,
        },
        VALUES,
        LABELS,
        st.none() | st.lists(VALUES | JSON, max_size=2),
        type=st.sampled_from(TYPES) | JSON,
        id=st.just("b") | JSON,
        parentID=st.just("b") | JSON,
        meta=JSON | st.dictionaries(st.sampled_from(["iscrowd", "area"]), JSON),
        original_width=st.just(100) | JSON,
        original_height=st.just(100) | JSON,
        score=st.none() | st.floats(0, 1) | JSON,
    ),
    max_size=4,
)


@pytest.mark.parametrize(
    "task_type",
    ["object-detection", "instance-segmentation", "keypoint-detection", "temporal-detection"],
)
@given(truth=REGIONS, said=REGIONS)
@pytest.mark.slow
def test_no_region_ends_the_counting(task_type: str, truth: list[Json], said: list[Json]) -> None:
    kind = KINDS[task_type]
    reading = Reading(
        shapes=kind.shapes or Reading().shapes,
        has_keypoints=kind.has_keypoints,
        keypoints=(("cat", "cat"),) if kind.has_keypoints else (),
    )
    of: Any = job(task_type, ("cat",), reading=reading)
    chunk = Chunk([StoredImage(truth, said, 0.5)], np.array([1]))
    try:
        tally = kind.count(chunk, of, Notes())
    except (UnknownLabels, NeedsWider):
        return
    assert tally.state is not None
    assert tally.state(np.ones(1, dtype=np.bool_))
    kind.verdicts(chunk.images, of, 0)
