"""Images as text are the images as records, to the byte."""

import numpy as np
import orjson
from hypothesis import given
from hypothesis import strategies as st

from evals.documents.document import encode
from evals.documents.images import ImageRow, image_page, image_records, image_texts
from evals.engine.events import Cells

N_CLASSES = 12

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
CELL = st.tuples(st.integers(0, N_CLASSES), st.integers(0, N_CLASSES), st.integers(1, 10**12))
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
ROW = st.builds(
    ImageRow,
    NAMES,
    NAMES,
    st.integers(0, 2),
    st.integers(0, 10**6),
    st.none() | st.integers(-1, 99),
    st.none() | FLOATS,
    FLOATS,
    st.booleans(),
    st.none() | st.dictionaries(NAMES, st.none() | FLOATS).map(lambda one: encode(one).decode()),
)
PAGES = st.lists(st.tuples(ROW, st.lists(CELL, max_size=5, unique_by=lambda c: c[:2])), max_size=6)


def cells_of(found: list[list[tuple[int, int, int]]]) -> Cells:
    flat = [(image, *cell) for image, cells in enumerate(found) for cell in sorted(cells)]
    columns = np.array(flat, dtype=np.int64).reshape(-1, 4).T
    return Cells(*columns)


@given(PAGES)
def test_texts_are_the_encoded_records(page: list[tuple[ImageRow, list[tuple[int, int, int]]]]):
    rows, cells = [row for row, _ in page], cells_of([found for _, found in page])
    records = image_records(rows, cells, n_classes=N_CLASSES)
    texts = image_texts(rows, cells, n_classes=N_CLASSES)
    assert texts == [encode(record) for record in records]
    document = image_page(split="all", confidence=37, total=9, offset=3, limit=6, images=texts)
    assert orjson.loads(encode(document)) == {
        "split": "all",
        "confidenceThreshold": 0.37,
        "totalImages": 9,
        "offset": 3,
        "limit": 6,
        "images": orjson.loads(encode(records)),
    }


def test_a_record_is_the_contract_s():
    row = ImageRow("7", "a.jpg", 2, 0, 3, 0.5, -1.5)
    (text,) = image_texts([row], cells_of([[(0, 0, 2), (2, 0, 7)]]), n_classes=2)
    assert text == (
        b'{"imageId":"7","imageName":"a.jpg","split":"test","augmentations":0,'
        b'"cluster":{"id":3,"embedding2D":[0.5,-1.5]},'
        b'"stats":{"truePositives":2,"falsePositives":7,"falseNegatives":0,'
        b'"precision":0.222,"recall":1.0,"f1":0.364},"confusion":[[0,0,2],[2,0,7]]}'
    )
