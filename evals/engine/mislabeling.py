"""How likely an image's labels are wrong, by confident learning.

A model that is right about a class has, on average, a certain confidence in it: the mean score of
its true positives of that class is the class's own threshold. Where the model contradicts the
labels with at least that confidence, the labels are suspect. The score of an image is the highest
score of such a contradiction, 0 without one: a detection of something that is not labelled, or of
something labelled otherwise. What the model missed proves nothing, for it says nothing about it.

The thresholds are those of confident learning (Northcutt, Jiang, Chuang: Confident Learning,
JAIR 70, 2021, section 3.1, equation 2), its "confident joint" taken image by image. Written out
here, not taken from a library: cleanlab wants a probability of every class for every object, which
detectors do not give.
"""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from predictions.regions.geometry import Floats


@dataclass(frozen=True, slots=True)
class Claim:
    """One detection: where, of what class, how sure, and whether the labels agree."""

    image: int
    label: int
    score: float
    is_right: bool


def mislabeling_scores(claims: Iterable[Claim], *, n_images: int, n_classes: int) -> Floats:
    """The score of each image in [0, 1], float64 (n_images,); 0 for an image without claims.

    A class's threshold is the mean score of its right claims; infinity without any, so nothing is
    suspect. Claims are gone through once, and 16 bytes are kept of each that is wrong.
    """
    sums, counts = [0.0] * n_classes, [0] * n_classes
    images, labels, said = array("I"), array("I"), array("d")
    for claim in claims:
        if claim.is_right:
            sums[claim.label] += claim.score
            counts[claim.label] += 1
        else:
            images.append(claim.image)
            labels.append(claim.label)
            said.append(claim.score)
    thresholds = np.array(
        [total / n if n else np.inf for total, n in zip(sums, counts, strict=True)]
    )
    score = np.asarray(said)
    is_suspect = score >= thresholds[np.asarray(labels)]
    scores = np.zeros(n_images)
    np.maximum.at(scores, np.asarray(images)[is_suspect], np.minimum(score[is_suspect], 1.0))
    return scores
