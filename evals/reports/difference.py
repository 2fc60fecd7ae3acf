"""Two evaluations image by image: what the second fixed and what it broke."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from evals.db.blocks import blocks
from evals.db.images import images_at
from evals.documents.comparison import ChangedImage, Difference, Tally
from evals.documents.names import SPLITS
from evals.documents.refusals import UnknownSlice
from evals.documents.slices import Slice
from evals.engine.events import image_counts
from evals.models import ModelEval, Split
from evals.panels.slices import slice_of
from evals.reports.significance import significance_of
from evals.reports.terms import differing_terms, ground_truth_terms


class Judged(NamedTuple):
    """One image in one evaluation."""

    position: int
    tally: Tally
    #: None for an image of an imported file.
    task: int | None
    #: What it is sliced by: `evals.documents.slices`.
    slices: bytes


#: By image id and how many images before have it.
Images = dict[tuple[str, int], Judged]


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
    by_slice: str | None = None,
) -> Difference:
    """Totals, and a page of the images that differ, those that changed most first.

    Images are the same where their ids are, of several with one id the first and the first, and so
    on; only images of both are compared. `by_slice` leaves those of one slice, as the base has
    them, and of those that only the other has, as the other has them. UnknownSlice.
    """
    wanted = slice_of(base, by_slice)
    before = dict(_judged(base, split, confidence))
    after = dict(_judged(other, split, confidence))
    terms = _terms(base, other)
    if base.project_id == other.project_id and _pairs_other_tasks(before, after):
        terms.append("imageIds")
    only_after = {key: after[key] for key in after.keys() - before.keys()}
    if wanted is not None:
        only_after = _within(_same_slice(other, by_slice), only_after)
        before = _within(wanted, before)
    both = before.keys() & after.keys()
    changes = [Change(before[k].position, before[k].tally, after[k].tally) for k in both]
    differing = _most_changed_first(changes)
    return Difference(
        base=base.eval_id,
        other=other.eval_id,
        split="all" if split is None else Split(split).label,
        confidence_threshold=confidence / 100,
        totals={
            **_totals(changes),
            "onlyInBase": len(before.keys() - after.keys()),
            "onlyInOther": len(only_after),
        },
        significance=significance_of(
            base,
            other,
            _question(split, confidence, wanted),
            len(changes),
            lambda: [(c.base, c.other) for c in sorted(changes, key=lambda c: c.position)],
        ),
        differing_terms=terms,
        total_images=len(differing),
        offset=offset,
        limit=limit,
        images=_page(base, differing[offset : offset + limit]),
    )


def _pairs_other_tasks(before: Images, after: Images) -> bool:
    """Whether an id goes to another task in the second, one of the two being in both: ids were
    given to other tasks in between. A task that was deleted and loaded anew is in one alone.
    """
    earlier, later = ({one.task for one in images.values()} for images in (before, after))
    pairs = ((before[key].task, after[key].task) for key in before.keys() & after.keys())
    return any(
        None not in (one, other) and one != other and (one in later or other in earlier)
        for one, other in pairs
    )


def _most_changed_first(changes: Sequence[Change]) -> list[Change]:
    """Those that differ; of equal changes the first of the base."""
    return sorted(
        (c for c in changes if c.fixed or c.broken),
        key=lambda c: (-(c.fixed + c.broken), c.position),
    )


def _question(split: int | None, confidence: int, wanted: Slice | None) -> str:
    """What the significance depends on beside the two evaluations."""
    name = "all" if split is None else Split(split).label
    asked = f"split={name}&confidence={confidence}"
    return asked if wanted is None else f"{asked}&slice={wanted.place}.{wanted.code}"


def _same_slice(other: ModelEval, by_slice: str | None) -> Slice | None:
    """The slice of that name in the other evaluation; None where its images have no such key."""
    try:
        return slice_of(other, by_slice)
    except UnknownSlice:
        return None


def _within(wanted: Slice | None, images: Images) -> Images:
    """Those of a slice; none of no slice."""
    if wanted is None:
        return {}
    has = wanted.has([one.slices for one in images.values()])
    return {key: one for (key, one), is_in in zip(images.items(), has, strict=True) if is_in}


def _judged(
    evaluation: ModelEval, split: int | None, confidence: int
) -> Iterator[tuple[tuple[str, int], Judged]]:
    """The images by id and how many images before have it."""
    seen = Counter[str]()
    for block in blocks(evaluation, split=split):
        counts = image_counts(
            block.events, confidence, n_images=len(block.ids), n_classes=len(evaluation.classes)
        )
        columns = zip(
            block.ids,
            block.positions,
            block.tasks,
            counts.tp.tolist(),
            counts.fp.tolist(),
            counts.fn.tolist(),
            block.slices,
            strict=True,
        )
        for image_id, position, task, tp, fp, fn, slices in columns:
            tally = Tally(true_positives=tp, false_positives=fp, false_negatives=fn)
            yield (image_id, seen[image_id]), Judged(position, tally, task, slices)
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


def _terms(base: ModelEval, other: ModelEval) -> list[str]:
    # Both are read at one split, whatever their headlines are of.
    terms = [name for name in differing_terms(base, other) if name != "split"]
    if base.project_id != other.project_id:
        # Ids such as COCO's 1, 2, 3 may mean other images there.
        terms = ["project", *terms]
    terms += ground_truth_terms(base, other)
    return [*terms, "classes"] if set(base.classes) != set(other.classes) else terms


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
