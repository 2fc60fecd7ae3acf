"""Stored results for tests of a kind, and what it makes of them; no database."""

from typing import Any

import numpy as np
import orjson

from evals.engine.boxes import RegionText, StoredImage
from evals.engine.events import image_cells, total_events
from evals.engine.kinds.kind import Chunk, Gathered, Job, Tally, Total, joined
from evals.engine.kinds.table import KINDS
from evals.engine.matching import Definition
from evals.engine.notes import Notes
from evals.engine.reading import Reading
from evals.jobs.finishing.written import read_total, write_total

Json = dict[str, Any]
SIDE_PX = 100


def box(
    xywh_px: Any, label: str = "cat", score: float | None = None, side: int = SIDE_PX, **more: Any
) -> Json:
    """A box as Label Studio stores it, on an image of so many pixels; `rotation` turns it."""
    x, y, width, height = (float(n) / side * 100 for n in xywh_px)
    value = {"x": x, "y": y, "width": width, "height": height, "rectanglelabels": [label]}
    value |= {key: more.pop(key) for key in ("rotation",) if key in more}
    given = {} if score is None else {"score": score}
    size = {"original_width": side, "original_height": side}
    return {"type": "rectanglelabels", "from_name": "box", "to_name": "image", "value": value,
            **size, **given, **more}  # fmt: skip


def stored(truth: list[Json], said: list[Json], *, as_text: bool = True) -> StoredImage:
    """An image as it is read from the store."""
    if not as_text:
        return StoredImage(truth, said, None)
    mine, theirs = (RegionText(orjson.dumps(side).decode()) for side in (truth, said))
    return StoredImage(mine, theirs, None)


def job(task_type: str = "object-detection", classes: Any = ("cat",), **more: Any) -> Job:
    """What images are counted by, on the kind's own terms unless others are given."""
    kind = KINDS[task_type]
    more.setdefault("iou_type", kind.starts_with)
    limit = Definition(
        iou_threshold=more.pop("iou_threshold", kind.iou_threshold),
        inclusive=more.pop("inclusive", kind.is_inclusive),
    )
    more.setdefault("reading", Reading(shapes=kind.shapes or Reading().shapes))
    return Job(task_type=task_type, classes=classes, confidence=20, definition=limit, **more)


def counted(images: list[StoredImage], of: Job, notes: Notes | None = None) -> tuple[Tally, Any]:
    """What the kind makes of some images, all of one split: its tally, and its total as another
    worker gets it. What is noted beside goes to `notes`.
    """
    kind = KINDS[of.task_type]
    tally = kind.count(Chunk(images, np.arange(1, len(images) + 1)), of, notes or Notes())
    states = [] if tally.state is None else [tally.state(np.ones(len(images), bool))]
    gathered = Gathered(states=states, events=total_events(tally.events), n_images=len(images))
    return tally, joined([handed_over(measure(gathered, of)) for measure in kind.totals])


def handed_over(total: Total) -> Total:
    """A total as it is after it was bytes, which are the same when it is written again."""
    written = write_total(total)
    read = read_total(written)
    assert write_total(read) == written
    assert list(read.metrics.items()) == list(total.metrics.items())
    return read


def cells(tally: Tally, percent: int = 0) -> list[list[int]]:
    """[actual, predicted, count] of all images together."""
    return image_cells(total_events(tally.events), percent).triples(1)[0]
