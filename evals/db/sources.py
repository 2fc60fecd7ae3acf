"""The imported file of an evaluation: compressed, in pieces of about a megabyte."""

from collections.abc import Iterable, Iterator

from evals.models import EvalSource, ModelEval


def write_source(evaluation: ModelEval, pieces: Iterable[bytes]) -> None:
    """Stores the pieces in their order, one at a time. One statement a piece."""
    for number, body in enumerate(pieces):
        EvalSource.objects.create(evaluation=evaluation, piece=number, body=body)


def source_pieces(evaluation: ModelEval) -> Iterator[bytes]:
    """The pieces in their order, one at a time; none unless imported. One statement a piece."""
    bodies = EvalSource.objects.values_list("body", flat=True)
    piece = 0
    while (body := bodies.filter(evaluation=evaluation, piece=piece).first()) is not None:
        yield bytes(body)
        piece += 1
