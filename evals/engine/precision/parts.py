"""Parts of the images: all without a tenth of them, which tell how sure mAP50-95 is."""

from collections.abc import Iterable

#: Groups of images, each left out once.
GROUPS = 10
#: Of more images than that the parts would take seconds.
MOST_IMAGES = 100_000


def parts_of(image_ids: Iterable[int]) -> list[list[int]]:
    """The images without each of GROUPS groups in turn; none of fewer than GROUPS images, or of
    more than MOST_IMAGES.

    The images in rising order are dealt to the groups one by one, so neighbours are in different
    groups, and each has as many as another, or one more.

    >>> parts_of(range(11))[0]
    [1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    ids = sorted(image_ids)
    if not GROUPS <= len(ids) <= MOST_IMAGES:
        return []
    return [[one for at, one in enumerate(ids) if at % GROUPS != group] for group in range(GROUPS)]
