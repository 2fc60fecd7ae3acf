"""A COCO list is cut wherever an entry seems to end: the pieces are the whole, or are not read."""

import json
from typing import Any

import msgspec
import pytest

from predictions.formats.errors import BadFile, Errors
from predictions.formats.readers.images import coco_document
from predictions.formats.readers.images.coco_entries import Entry
from tests.predictions.formats.test_box_columns import boxes, predicted

NAMES = ("a},{b", "}", "{", '"},{"', "},\n {", "\\", "[", "]")
ENTRIES: list[dict[str, Any]] = [
    {
        "image_id": n,
        "category_id": 1,
        "bbox": [n, 2, 3, 4],
        "file_name": NAMES[n % len(NAMES)],
        "segments_info": [{"id": 1}, {"id": 2, "more": [{}, {}]}],
    }
    for n in range(40)
]


def texts() -> list[bytes]:
    return [
        json.dumps(ENTRIES).encode(),
        json.dumps(ENTRIES, separators=(",", ":")).encode(),
        json.dumps(ENTRIES, indent=2).encode(),
        b" \n[" + b" \t,\n".join(json.dumps(one).encode() for one in ENTRIES) + b"\n] \n",
        b"[]",
        b" [ ] ",
    ]


@pytest.mark.parametrize("size", [1, 7, 64, 333, 1 << 17])
@pytest.mark.parametrize("text", texts())
def test_pieces_are_the_whole_or_nothing(
    text: bytes, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coco_document, "PIECE_BYTES", size)
    whole = msgspec.json.decode(text, type=list[Entry])
    try:
        found = [one for piece in coco_document.pieces(text, Entry) for one in piece]
    except msgspec.DecodeError:
        # Cut inside of an entry: it is read otherwise.
        assert size < len(text)
        return
    assert found == whole


@pytest.mark.parametrize("size", [1, 64, 333])
def test_boxes_are_never_cut(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coco_document, "PIECE_BYTES", size)
    text = json.dumps(boxes(60, score=0.5)).encode()
    found = [one for piece in coco_document.pieces(text, Entry) for one in piece]
    assert found == msgspec.json.decode(text, type=list[Entry])


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"[{}, 3]", "predictions[0]: Object missing required field `image_id`."),
        (b'[{"image_id": 1, "category_id": 1}', "predictions: Input data was truncated."),
        (b'[{"image_id": 1, "category_id": 1},]', "predictions: JSON is malformed: trailing comma"),
        (b'[{"image_id": 1, "category_id": 1}] 3', "predictions: JSON is malformed: trailing char"),
    ],
)
def test_what_is_wrong_is_named_as_ever(text: bytes, error: str) -> None:
    with pytest.raises(BadFile) as raised:
        coco_document.decoded(text, list[Entry], "predictions", Errors())
    assert str(raised.value.errors[0]).startswith(error)
    with pytest.raises(msgspec.MsgspecError):
        list(coco_document.pieces(text, Entry))


def test_names_of_files_among_boxes() -> None:
    content = predicted(boxes(3, score=0.5, file_name="p\\q.jpg"))
    assert [(task.image_name, len(task.read())) for task in content.tasks] == [("p/q.jpg", 3)]
    assert all(task.boxes is not None for task in content.tasks)


def test_segmentations_beside_boxes_that_are_asked_for() -> None:
    some = boxes(4, score=0.5, segmentation=[[0, 0, 9, 0, 9, 9]])
    (asked,) = predicted(some, shapes="boxes").tasks
    assert asked.boxes is not None
    (masks,) = predicted(some).tasks
    assert masks.boxes is None
    assert len(asked.read()) == len(masks.read()) == 4
