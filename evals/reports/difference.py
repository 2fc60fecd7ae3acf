"""Two evaluations image by image: what the second fixed and what it broke."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from evals.db.blocks import blocks
from evals.db.queries import images_at
from evals.documents import panels
from evals.engine.events import image_counts
from evals.models import ModelEval, Split


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of one image in one evaluation."""

    position: int
    tp: int
    fp: int
    fn: int

    def document(self) -> panels.Document:
        return {"truePositives": self.tp, "falsePositives": self.fp, "falseNegatives": self.fn}


@dataclass(frozen=True, slots=True)
class Change:
    """One image in both: errors that went, and errors that came."""

    image_id: str
    base: Tally
    other: Tally

    @property
    def fixed(self) -> int:
        return max(self.base.fp - self.other.fp, 0) + max(self.base.fn - self.other.fn, 0)

    @property
    def broken(self) -> int:
        return max(self.other.fp - self.base.fp, 0) + max(self.other.fn - self.base.fn, 0)


def difference(
    base: ModelEval,
    other: ModelEval,
    *,
    split: int | None,
    confidence: int,
    limit: int,
    offset: int,
) -> panels.Document:
    """Totals, and a page of the images that differ, those that changed most first.

    Images are the same where their ids are; only images of both are compared.
    """
    before = dict(_tallies(base, split, confidence))
    after = dict(_tallies(other, split, confidence))
    changes = [Change(key, before[key], after[key]) for key in before.keys() & after.keys()]
    differing = sorted(
        (c for c in changes if c.fixed or c.broken),
        key=lambda c: (-(c.fixed + c.broken), c.base.position),
    )
    return {
        "base": base.eval_id,
        "other": other.eval_id,
        "split": "all" if split is None else Split(split).label,
        "confidenceThreshold": confidence / 100,
        "totals": {
            **_totals(changes),
            "onlyInBase": len(before.keys() - after.keys()),
            "onlyInOther": len(after.keys() - before.keys()),
        },
        "totalImages": len(differing),
        "offset": offset,
        "limit": limit,
        "images": _page(base, differing[offset : offset + limit]),
    }


def _tallies(found: ModelEval, split: int | None, confidence: int) -> Iterator[tuple[str, Tally]]:
    for block in blocks(found, split=split):
        counts = image_counts(
            block.events, confidence, n_images=len(block.ids), n_classes=len(found.classes)
        )
        columns = zip(
            block.ids,
            block.positions,
            counts.tp.tolist(),
            counts.fp.tolist(),
            counts.fn.tolist(),
            strict=True,
        )
        for image_id, position, tp, fp, fn in columns:
            yield image_id, Tally(position, tp, fp, fn)


def _totals(changes: Sequence[Change]) -> dict[str, Any]:
    return {
        "images": len(changes),
        "fixed": sum(c.fixed for c in changes),
        "broken": sum(c.broken for c in changes),
        "changed": sum(c.fixed + c.broken for c in changes),
        "fixedImages": sum(c.fixed > c.broken for c in changes),
        "brokenImages": sum(c.broken > c.fixed for c in changes),
        "unchangedImages": sum(not c.fixed and not c.broken for c in changes),
    }


def _page(base: ModelEval, changes: Sequence[Change]) -> list[panels.Document]:
    rows = images_at(base, [change.base.position for change in changes]).rows
    return [
        {
            "imageId": row.image_id,
            "imageName": row.name,
            "split": panels.SPLITS[row.split],
            "fixed": change.fixed,
            "broken": change.broken,
            "changed": change.fixed + change.broken,
            "base": change.base.document(),
            "other": change.other.document(),
        }
        for row, change in zip(rows, changes, strict=True)
    ]
