"""How sure mAP50-95 is: its interval from leaving out a tenth of the images at a time.

Images drawn with replacement, as `scores` draws them, do not serve here: the detections of an image
that is drawn twice have equal scores, which moves COCO's curve, and average precision comes out
wrong on average. Source: the delete-a-group jackknife; Shao and Tu, The Jackknife and Bootstrap
(1995), section 2.3; Kott, Journal of Official Statistics 17 (2001).
"""

from collections.abc import Sequence
from statistics import fmean

from evals.engine.resampling.scores import Interval


def jackknife(value: float, left_out: Sequence[float], level: float) -> Interval:
    """The interval about `value`, a share of all images, from the same without each group of them:
    how far it moves from one set of as many images to another.

    The standard error is the square root of (g-1)/g times the sum of the squared distances from
    their mean, for g groups, two at least; the interval reaches as many of these as Student's t
    with g-1 degrees of freedom has at `level`, in (0, 1), and ends at 0 and 1.
    """
    from scipy.special import stdtrit

    n, mean = len(left_out), fmean(left_out)
    error = ((n - 1) / n * sum((one - mean) ** 2 for one in left_out)) ** 0.5
    half = float(stdtrit(n - 1, (1 + level) / 2)) * error
    return Interval(max(value - half, 0.0), min(value + half, 1.0))
