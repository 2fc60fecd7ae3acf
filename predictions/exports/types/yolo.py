"""YOLO: a text file for each image, a line for each object, shares of the image's width and height.

`class x y width height` with the centre for boxes; turned boxes, ellipses and masks leave as their
upright bounds. Polygons are `class x1 y1 x2 y2 ...`. Where the labelling config has key points, all
are boxes, with `x y visible` of each point. As YOLO_OBB a box is its four corners, and an outline
that has four, too. A prediction's line ends with its score, 1 where it tells none, as YOLO's own
`save_conf` does.
Formats: https://docs.ultralytics.com/datasets
"""

from collections.abc import Collection, Iterable, Iterator, Sequence

import orjson

from predictions.exports.types.archive import Entry
from predictions.exports.types.given import Given, named
from predictions.exports.types.objects import Object, Picture, Scheme, objects_of, text_of
from predictions.regions.geometry import rotated_corners

#: Decimals of a share: a thousandth of a pixel of the largest image, and more.
DECIMALS = 12
CERTAIN = 1.0
CORNERS = 4


def entries(
    pictures: Iterable[Picture], scheme: Scheme, *, with_versions: bool, is_turned: bool
) -> Iterator[Entry]:
    """Files below `labels/`, then `classes.txt` and `notes.json`."""
    classes = _numbered(scheme)
    for picture in pictures:
        if not picture.given:
            yield f"labels/{picture.stem}.txt", ()
        for name, given in named(picture.stem, picture.given, with_versions=with_versions):
            lines = _lines(given, picture, scheme, classes, is_turned=is_turned)
            yield f"labels/{name}.txt", [line.encode() + b"\n" for line in lines]
    yield "classes.txt", [f"{one_line(name)}\n".encode() for name in classes]
    notes = {
        "categories": [{"id": number, "name": name} for name, number in classes.items()],
        "info": {"version": "1.0", "contributor": "Predictions API"},
    }
    yield "notes.json", [orjson.dumps(notes, option=orjson.OPT_INDENT_2)]


def one_line(name: str) -> str:
    """The name with a space for each line break."""
    return " ".join(name.splitlines())


def _numbered(scheme: Scheme) -> dict[str, int]:
    """A class's number is its line in `classes.txt`."""
    ranked = sorted(scheme.classes, key=lambda name: scheme.classes[name])
    return {name: number for number, name in enumerate(ranked)}


def _lines(
    given: Given, picture: Picture, scheme: Scheme, classes: dict[str, int], *, is_turned: bool
) -> Iterator[str]:
    for one in objects_of(given, picture, scheme).found:
        number = classes.setdefault(one.label, len(classes))
        numbers = corners(one, picture) if is_turned else place(one, picture, scheme.joints)
        line = [str(number), *map(_text, numbers)]
        if given.is_prediction:
            # In full: rounded, the least sure would be 0.
            line.append(text_of(CERTAIN if one.score is None else one.score))
        yield " ".join(line)


def _text(number: float) -> str:
    # Adding nothing takes the sign off a zero.
    return f"{round(number, DECIMALS) + 0.0:.{DECIMALS}f}".rstrip("0").rstrip(".")


def place(
    one: Object, picture: Picture, joints: Sequence[str], outlines: Collection[str] = ("polygon",)
) -> list[float]:
    """Centre, width and height of an object's bounds, then its joints, or an outline's points."""
    points = one.shape.points_px
    is_outline = one.kind in outlines and points is not None and len(points) > 2
    if is_outline and points is not None and not joints:
        return _shares(points.ravel().tolist(), picture)
    x, y, width, height = one.shape.box_xywh_px
    numbers = _shares([x + width / 2, y + height / 2, width, height], picture)
    for name in joints:
        joint = one.joints.get(name)
        numbers += [*_shares([joint.x, joint.y], picture), joint.seen] if joint else [0.0, 0.0, 0.0]
    return numbers


def corners(one: Object, picture: Picture) -> list[float]:
    """Four corners: of a turned box, clockwise, and of an outline of four points its own, of
    anything else those of its bounds.
    """
    points = one.shape.points_px
    if one.kind not in {"rectangle", "polygon"} or points is None or len(points) != CORNERS:
        points = rotated_corners(one.shape.box_xywh_px, 0)
    return _shares(points.ravel().tolist(), picture)


def _shares(pixels: list[float], picture: Picture) -> list[float]:
    """x and y by turns."""
    return [number / picture.size[at % 2] for at, number in enumerate(pixels)]
