"""YOLO: a text file an image, a line an object, shares of the image's width and height in full.

`data.yaml` has the classes by number, and for each split a list of its images, whose label files
lie where YOLO looks for them: `images/` in the path becomes `labels/`. Of a version each line ends
with its score, as `save_txt save_conf` writes it. An image without objects has an empty file.
Formats: https://docs.ultralytics.com/datasets
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

import orjson

from predictions.exports.datasets.items import (
    BOX,
    ELLIPSE,
    POLYGON,
    TURNED_BOX,
    ImageItem,
    NotHeld,
    kind_of,
    objects_in,
    refuse_twice,
    score_of,
)
from predictions.exports.datasets.splits import Splits
from predictions.exports.types.archive import Entry
from predictions.exports.types.objects import Object, Scheme, is_crowd, text_of
from predictions.exports.types.yolo import corners, place

#: What stands in JSON's texts and is a line break, or refused, in those of YAML.
NOT_AS_IT_IS = re.compile(r"[\x7f-\x9f\u2028\u2029\ufffe\uffff]")


def entries(found: Iterable[ImageItem], scheme: Scheme) -> Iterator[Entry]:
    """Upright boxes and polygons; boxes with their joints where the config has key points."""
    held = (BOX,) if scheme.joints else (BOX, POLYGON, ELLIPSE)
    task = "pose" if scheme.joints else "segment" if scheme.shapes != {"rectangle"} else "detect"
    return _entries(found, scheme, held, task)


def turned(found: Iterable[ImageItem], scheme: Scheme) -> Iterator[Entry]:
    """Boxes as four corners, clockwise from the stored one, turned or not."""
    return _entries(found, scheme, (BOX, TURNED_BOX), "obb")


def _entries(
    found: Iterable[ImageItem], scheme: Scheme, held: Sequence[str], task: str
) -> Iterator[Entry]:
    numbers = {name: str(number) for number, name in enumerate(scheme.names)}
    # Shares of a width need none, but for what is turned.
    needs_size = task == "obb"
    known: dict[str, int] = {}
    with Splits() as splits:
        for item in found:
            split = splits.name_of(item)
            image, labels = _paths(item, split)
            # `images/test/a.jpg` stays where it is, and there lies `a.jpg` of the split test, too.
            refuse_twice(labels.removesuffix(".txt"), item, known)
            splits.add(split, f"./{image}")
            objects = objects_in(item, scheme, held, needs_size=needs_size)
            if task == "detect" and any(kind_of(one) != BOX for one in objects):
                # Evaluations compare outlines with boxes, whatever the labelling config draws.
                task = "segment"
            if not item.given.is_prediction:
                _refuse_crowds(objects, item)
            lines = [
                " ".join([numbers[one.label], *map(text_of, _numbers(one, item, scheme, task))])
                for one in objects
            ]
            yield labels, [f"{line}\n".encode() for line in lines]
        names = []
        for split, lines_of_split in splits.lists():
            names.append(split)
            yield f"{split}.txt", lines_of_split
    yield "data.yaml", [_data(scheme, names, task)]


def _refuse_crowds(objects: Iterable[Object], item: ImageItem) -> None:
    """`NotHeld`: read again they would be objects like others, to be found and missed."""
    for one in objects:
        if is_crowd(one):
            raise NotHeld(
                f"{item.place_of(one.region)}: a crowd (meta.iscrowd) has no place in this format."
            )


def _paths(item: ImageItem, split: str) -> tuple[str, str]:
    """Of the image, which stays where it is below a folder `images`, and of its label file."""
    image = item.name if "images" in item.name.split("/")[:-1] else f"images/{split}/{item.name}"
    above, _, below = f"/{image}".rpartition("/images/")
    return image, f"{above}/labels/{below}".removeprefix("/").removesuffix(
        PurePosixPath(below).suffix
    ) + ".txt"


def _numbers(one: Object, item: ImageItem, scheme: Scheme, task: str) -> list[float]:
    if task == "obb":
        numbers = corners(one, item.picture)
    else:
        numbers = place(one, item.picture, scheme.joints, ("polygon", "ellipse"))
    return [*numbers, score_of(one)] if item.given.is_prediction else numbers


def _data(scheme: Scheme, splits: Sequence[str], task: str) -> bytes:
    """`data.yaml`."""
    lines = ["path: .", *(f"{split}: {split}.txt" for split in splits), f"task: {task}"]
    if task == "pose":
        lines.append(f"kpt_shape: [{len(scheme.joints)}, 3]")
        lines.append("kpt_names:")
        joints = f"[{','.join(map(_quoted, scheme.joints))}]"
        lines += [f"  {number}: {joints}" for number in range(len(scheme.names))]
    lines.append("names:" if scheme.names else "names: {}")
    lines += [f"  {n}: {_quoted(name)}" for n, name in enumerate(scheme.names)]
    return "".join(f"{line}\n" for line in lines).encode()


def _quoted(text: str) -> str:
    """A text in YAML: as in JSON, where what YAML takes for a line break or refuses is escaped."""
    return NOT_AS_IT_IS.sub(lambda found: f"\\u{ord(found[0]):04x}", orjson.dumps(text).decode())
