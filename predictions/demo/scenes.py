"""Sheets of paper with handwritten digits on them, and the boxes they lie in.

Images are (HEIGHT_PX, WIDTH_PX) uint8, 0 is ink and 255 white. Boxes are in pixels, x to the right
and y down.
"""

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WIDTH_PX, HEIGHT_PX = 320, 240
# Digits from here on are pasted into scenes; the detector learns from the ones before.
FIRST_SCENE_DIGIT = 1200
SPLITS = ("train", "valid", "test", "test")
# Smaller than this a digit's own pixels (8 by 8) can no longer be told apart.
SMALLEST_PX, LARGEST_PX = 30, 62
INK_LEVEL = 0.35
PRESSURE = 0.3, 0.9
MARGIN_PX = 4
TRIES = 50
# Ink is so much darker than the paper within this reach, and a mark larger than a speck.
PAPER_PX, FAINTEST, SPECK_PX = 25, 40, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A named rectangle; `score` is None where a person, not a detector, says so."""

    label: str
    x_px: float
    y_px: float
    width_px: float
    height_px: float
    score: float | None = None

    def overlaps(self, other: "Box", *, margin_px: float = 0) -> bool:
        """Whether the two share a pixel, or come closer than the margin."""
        return (
            self.x_px < other.x_px + other.width_px + margin_px
            and other.x_px < self.x_px + self.width_px + margin_px
            and self.y_px < other.y_px + other.height_px + margin_px
            and other.y_px < self.y_px + self.height_px + margin_px
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    name: str
    split: str
    image: "NDArray[np.uint8]"
    truth: tuple[Box, ...]

    def data_uri(self) -> str:
        """The image as a PNG inside a URI, so that it needs neither a file nor a server."""
        from PIL import Image

        png = io.BytesIO()
        Image.fromarray(self.image).save(png, format="PNG")
        return f"data:image/png;base64,{base64.b64encode(png.getvalue()).decode()}"

    def embedding(self) -> list[float]:
        """How crowded the sheet is: how many marks are on it, then how much of its left, right,
        upper and lower half is inked, in tenths.
        """
        import numpy as np
        from scipy import ndimage

        paper = ndimage.maximum_filter(self.image, PAPER_PX).astype(int)
        inked = paper - self.image > FAINTEST
        marks, _ = ndimage.label(inked)
        areas = np.bincount(marks.ravel())[1:]
        across, down = WIDTH_PX // 2, HEIGHT_PX // 2
        halves = (inked[:, :across], inked[:, across:], inked[:down], inked[down:])
        shares = [round(10 * float(half.mean()), 3) for half in halves]
        return [float((areas > SPECK_PX).sum()), *shares]


def load_digits() -> "tuple[NDArray[np.float64], NDArray[np.int64]]":
    """Handwritten digits: (1797, 8, 8) ink between 0 and 1, and the (1797,) numbers they are."""
    from sklearn import datasets

    bundled = datasets.load_digits()
    return bundled.images / 16.0, bundled.target


def enlarge(digit: "NDArray[np.float64]", size_px: int) -> "NDArray[np.float64]":
    """The (8, 8) ink of a digit as (size_px, size_px), cut to the rectangle that holds its ink."""
    import numpy as np
    from PIL import Image

    small = Image.fromarray((digit * 255).astype(np.uint8))
    ink = np.asarray(small.resize((size_px, size_px), Image.Resampling.BICUBIC)) / 255.0
    rows, columns = np.where(ink > INK_LEVEL)
    return ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def draw(count: int, *, seed: int = 0) -> Iterator[Scene]:
    """`count` scenes of two to seven digits each; the same seed draws the same scenes."""
    import numpy as np

    digits, numbers = load_digits()
    random = np.random.default_rng(seed)
    for index in range(count):
        ink, truth = _place_digits(digits[FIRST_SCENE_DIGIT:], numbers[FIRST_SCENE_DIGIT:], random)
        _add_clutter(ink, truth, random)
        paper = _paper(random)
        yield Scene(
            name=f"digits-{index:04}.png",
            split=SPLITS[index % len(SPLITS)],
            image=(paper * (1 - ink)).round().astype(np.uint8),
            truth=tuple(truth),
        )


def _place_digits(
    digits: "NDArray[np.float64]", numbers: "NDArray[np.int64]", random: "np.random.Generator"
) -> "tuple[NDArray[np.float64], list[Box]]":
    import numpy as np

    ink = np.zeros((HEIGHT_PX, WIDTH_PX))
    boxes: list[Box] = []
    for chosen in random.choice(len(digits), size=random.integers(2, 8), replace=False):
        stamp = enlarge(digits[chosen], int(random.integers(SMALLEST_PX, LARGEST_PX)))
        if (box := _free_place(str(numbers[chosen]), stamp.shape, boxes, random)) is not None:
            # Some press the pen harder than others.
            _paste(ink, stamp * random.uniform(*PRESSURE), box)
            boxes.append(box)
    return ink, boxes


def _free_place(
    label: str, shape: tuple[int, ...], taken: list[Box], random: "np.random.Generator"
) -> Box | None:
    """A place where a stamp of (height, width) overlaps nothing, None when none was found."""
    height, width = shape
    for _ in range(TRIES):
        box = Box(
            label=label,
            x_px=int(random.integers(MARGIN_PX, WIDTH_PX - width - MARGIN_PX)),
            y_px=int(random.integers(MARGIN_PX, HEIGHT_PX - height - MARGIN_PX)),
            width_px=width,
            height_px=height,
        )
        if not any(box.overlaps(other, margin_px=MARGIN_PX) for other in taken):
            return box
    return None


def _paste(ink: "NDArray[np.float64]", stamp: "NDArray[np.float64]", box: Box) -> None:
    top, left = int(box.y_px), int(box.x_px)
    ink[top : top + stamp.shape[0], left : left + stamp.shape[1]] = stamp


def _add_clutter(
    ink: "NDArray[np.float64]", truth: list[Box], random: "np.random.Generator"
) -> None:
    """Strokes and blots that are no digits, off the digits: what a detector can be wrong about."""
    import numpy as np
    from scipy import ndimage

    taken = list(truth)
    for _ in range(random.integers(0, 4)):
        size = int(random.integers(14, 40))
        marks = np.zeros((size, size))
        points = random.integers(4, size - 4, size=(3, 2))
        for start, end in pairwise(points):
            for step in np.linspace(0, 1, 2 * size):
                row, column = (start + step * (end - start)).round().astype(int)
                marks[row, column] = 1
        stamp = np.clip(3 * ndimage.gaussian_filter(marks, 1.3), 0, PRESSURE[1])
        if (box := _free_place("", stamp.shape, taken, random)) is not None:
            _paste(ink, stamp, box)
            taken.append(box)


def _paper(random: "np.random.Generator") -> "NDArray[np.float64]":
    """An unevenly lit sheet: (HEIGHT_PX, WIDTH_PX) between 180 and 250."""
    import numpy as np
    from PIL import Image

    coarse = random.uniform(195, 245, size=(4, 5)).astype(np.float32)
    light = Image.fromarray(coarse).resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.BICUBIC)
    # In few steps, because noise would make the PNG ten times larger.
    paper: NDArray[np.float64] = np.clip(np.asarray(light) // 4 * 4, 180, 250)
    return paper
