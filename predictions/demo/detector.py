"""A small but real detector: what is darker than its surroundings is a candidate, a classifier
names it.

It never sees a digit that a scene shows: it learns from the digits before
`scenes.FIRST_SCENE_DIGIT`.
"""

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

from predictions.demo.scenes import FIRST_SCENE_DIGIT, Box, enlarge, load_digits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Training(NamedTuple):
    """The digits that a version learnt from: so many, but not those of the classes left out."""

    n_digits: int
    without: frozenset[int] = frozenset()


# Versions in the order they were "released". The larger training set was put together without any
# eight: the version is better at nearly everything, and the regression is there to be found.
VERSIONS = {"digits-small": Training(60), "digits-large": Training(1000, frozenset({8}))}

PATCH_PX = 12
# Darker than the paper around it by this many of 255 levels.
CONTRAST = 45
SURROUNDINGS_PX = 81
SMALLEST_AREA_PX = 60
TRAINING_PX = (34, 46, 58)


class Detector:
    """Finds and names handwritten digits in scenes."""

    def __init__(self, training: Training, *, seed: int = 0) -> None:
        """Learn from its digits, at most FIRST_SCENE_DIGIT; about 0.5 s for 1,000."""
        from sklearn.ensemble import ExtraTreesClassifier

        digits, numbers = load_digits()
        last = min(training.n_digits, FIRST_SCENE_DIGIT)
        kept = [at for at in range(last) if numbers[at] not in training.without]
        sizes = itertools.cycle(TRAINING_PX)
        patches = [
            _patch(enlarge(digit, size)) for digit, size in zip(digits[kept], sizes, strict=False)
        ]
        self._classifier: Any = ExtraTreesClassifier(n_estimators=120, random_state=seed)
        self._classifier.fit(patches, numbers[kept])

    def detect(self, image: "NDArray[np.uint8]") -> list[Box]:
        """Every digit found in an image, the surest first; empty when nothing dark is on it.

        The score is the classifier's probability of the label it chose, between 0 and 1.
        """
        candidates = _candidates(image)
        if not candidates:
            return []
        probabilities = self._classifier.predict_proba([patch for _, patch in candidates])
        found = [
            Box(
                label=str(self._classifier.classes_[named.argmax()]),
                x_px=columns.start,
                y_px=rows.start,
                width_px=columns.stop - columns.start,
                height_px=rows.stop - rows.start,
                score=round(float(named.max()), 4),
            )
            for ((rows, columns), _), named in zip(candidates, probabilities, strict=True)
        ]
        return sorted(found, key=lambda box: -(box.score or 0))


def _candidates(
    image: "NDArray[np.uint8]",
) -> "list[tuple[tuple[slice, slice], NDArray[np.float64]]]":
    """Connected dark areas: their rows and columns, and the patch the classifier sees."""
    import numpy as np
    from scipy import ndimage

    # The paper is brighter than any ink, so the brightest of the surroundings is the paper.
    paper = ndimage.uniform_filter(
        ndimage.maximum_filter(image, 25).astype(float), SURROUNDINGS_PX, mode="nearest"
    )
    darkness = np.clip((paper - image) / paper, 0, 1)
    areas, _ = ndimage.label((paper - image) > CONTRAST, structure=np.ones((3, 3)))
    found = []
    for number, place in enumerate(ndimage.find_objects(areas), start=1):
        mask = areas[place] == number
        if mask.sum() >= SMALLEST_AREA_PX:
            found.append((place, _patch(np.where(mask, darkness[place], 0))))
    return found


def _patch(ink: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Ink of any size as the (PATCH_PX * PATCH_PX,) values a classifier sees; its proportions are
    kept.
    """
    import numpy as np
    from PIL import Image

    side = max(ink.shape)
    square = np.zeros((side, side), np.float32)
    top, left = (side - ink.shape[0]) // 2, (side - ink.shape[1]) // 2
    # Faint and strong ink of one shape shall look alike.
    square[top : top + ink.shape[0], left : left + ink.shape[1]] = ink / ink.max()
    resized = Image.fromarray(square).resize((PATCH_PX, PATCH_PX), Image.Resampling.BOX)
    values: NDArray[np.float64] = np.asarray(resized, dtype=float).ravel()
    return values
