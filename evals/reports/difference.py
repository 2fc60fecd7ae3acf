"""Two evaluations image by image: what the second fixed and what it broke."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evals.db.blocks import blocks
from evals.db.images import images_at
from evals.documents.comparison import ChangedImage, Difference, Tally
from evals.documents.names import SPLITS
from evals.engine.events import image_counts
from evals.models import ModelEval, Split


@dataclass(frozen=True, slots=True)
class Change:
    """One image in both: errors that went, and errors that came."""

    #: Position in the base evaluation.
    position: int
    base: Tally
    other: Tally

    @property
    def fixed(self) -> int:
        return _more(self.base, self.other)

    @property
    def broken(self) -> int:
        return _more(self.other, self.base)


def _more(one: Tally, other: Tally) -> int:
    """Errors that the one has more than the other."""
    return max(one.false_positives - other.false_positives, 0) + max(
        one.false_negatives - other.false_negatives, 0
    )


def difference(
    base: ModelEval,
    other: ModelEval,
    *,
    split: int | None,
    confidence: int,
    limit: int,
    offset: int,
) -> Difference:
    """Totals, and a page of the images that differ, those that changed most first.

    Images are the same where their ids are, of several with one id the first and the first, and so
    on; only images of both are compared.
    """
    before = dict(_tallies(base, split, confidence))
    after = dict(_tallies(other, split, confidence))
    changes = [
        Change(before[key][0], before[key][1], after[key][1])
        for key in before.keys() & after.keys()
    ]
    differing = sorted(
        (c for c in changes if c.fixed or c.broken),
        key=lambda c: (-(c.fixed + c.broken), c.position),
    )
    return Difference(
        base=base.eval_id,
        other=other.eval_id,
        split="all" if split is None else Split(split).label,
        confidence_threshold=confidence / 100,
        totals={
            **_totals(changes),
            "onlyInBase": len(before.keys() - after.keys()),
            "onlyInOther": len(after.keys() - before.keys()),
        },
        total_images=len(differing),
        offset=offset,
        limit=limit,
        images=_page(base, differing[offset : offset + limit]),
    )


def _tallies(
    evaluation: ModelEval, split: int | None, confidence: int
) -> Iterator[tuple[tuple[str, int], tuple[int, Tally]]]:
    """Position and counts by image id and how many images before have it."""
    seen = Counter[str]()
    for block in blocks(evaluation, split=split):
        counts = image_counts(
            block.events, confidence, n_images=len(block.ids), n_classes=len(evaluation.classes)
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
            tally = Tally(true_positives=tp, false_positives=fp, false_negatives=fn)
            yield (image_id, seen[image_id]), (position, tally)
            seen[image_id] += 1


def _totals(changes: Sequence[Change]) -> dict[str, int]:
    return {
        "images": len(changes),
        "fixed": sum(c.fixed for c in changes),
        "broken": sum(c.broken for c in changes),
        "changed": sum(c.fixed + c.broken for c in changes),
        "fixedImages": sum(c.fixed > c.broken for c in changes),
        "brokenImages": sum(c.broken > c.fixed for c in changes),
        "unchangedImages": sum(not c.fixed and not c.broken for c in changes),
    }


def _page(base: ModelEval, changes: Sequence[Change]) -> list[ChangedImage]:
    rows = images_at(base, [change.position for change in changes]).rows
    return [
        ChangedImage(
            image_id=row.image_id,
            image_name=row.name,
            split=SPLITS[row.split],
            fixed=change.fixed,
            broken=change.broken,
            changed=change.fixed + change.broken,
            base=change.base,
            other=change.other,
        )
        for row, change in zip(rows, changes, strict=True)
    ]
