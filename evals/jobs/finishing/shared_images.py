"""Evaluations of tasks with several images whose sides never meet: all ground truth is of one
image, all predictions are of another.
"""

from collections.abc import Iterator
from typing import Any

from evals.engine.events import unpack_events
from evals.engine.metrics import matrix_of
from evals.engine.reading import reading_of
from evals.models import EvalImage, ModelEval

REASON = "no_shared_image"
MESSAGE = (
    "No image has regions of both sides, though {tasks} tasks with several images have them: the "
    "ground truth is of other images than the predictions, so nothing could match. Does each "
    "region name its picture as its to_name, and its page, counted from 0, as its item_index?"
)
#: Images whose counts are held at once.
AT_ONCE = 2_000


def unshared_images(evaluation: ModelEval) -> Iterator[dict[str, Any]]:
    """A warning where no image has regions of both sides, and some task with several images has.

    No statement where every task has one image; else one or two.
    """
    if reading_of(evaluation.reading).has_one_image:
        return
    images = EvalImage.objects.filter(evaluation=evaluation)
    if images.filter(tp__gt=0).exists():
        return
    true, predicted = set[int | None](), set[int | None]()
    counted = images.values_list("task_id", "events").iterator(chunk_size=AT_ONCE)
    for task_id, events in counted:
        counts = matrix_of(unpack_events([events]), 0, n_classes=len(evaluation.classes)).counts()
        has_truth, is_predicted = counts.objects.any(), counts.kept.any()
        if has_truth and is_predicted:
            return
        if has_truth:
            true.add(task_id)
        if is_predicted:
            predicted.add(task_id)
    if n := len(true & predicted):
        yield {"reason": REASON, "tasks": n, "message": MESSAGE.format(tasks=n)}
