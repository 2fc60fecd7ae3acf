"""Reading stored panels: JSON text as it is sent, and confusion matrices."""

from collections.abc import Mapping, Sequence

from evals.documents.refusals import ReportNotFound
from evals.engine.error_types.images import ErrorImages, read_error_images
from evals.engine.events import unpack_events
from evals.engine.metrics import Matrix, matrix_of
from evals.models import EvalPanel, ModelEval, Split
from predictions_api.postgres.sql import fetch_all, fetch_one

Kind = EvalPanel.Kind

# By primary key. JSON comes as text: bytes travel as hex digits, which takes twice as long.
PANEL_SQL = """
SELECT convert_from(body, 'UTF8') FROM evals_evalpanel
WHERE evaluation_id = %s AND kind = %s AND split = %s AND confidence = %s
"""


def panel(
    evaluation: ModelEval,
    kind: int,
    *,
    split: int = EvalPanel.ANY,
    confidence: int = EvalPanel.ANY,
) -> bytes | None:
    """The JSON text of a stored panel; None where the evaluation has none. One statement."""
    row = fetch_one(PANEL_SQL, [evaluation.pk, kind, split, confidence])
    return None if row is None else str(row[0]).encode()


def required_panel(
    evaluation: ModelEval, kind: int, missing: str, *, split: int = EvalPanel.ANY
) -> bytes:
    """The JSON text of a stored panel. ReportNotFound with the text `missing` where there is none.

    One statement.
    """
    body = panel(evaluation, kind, split=split)
    if body is None:
        raise ReportNotFound(missing)
    return body


# By primary key.
ERRORS_SQL = """
SELECT body FROM evals_evalpanel
WHERE evaluation_id = %s AND kind = %s AND confidence = -1 AND split = ANY(%s)
"""


def error_images(evaluation: ModelEval, split: int | None) -> list[ErrorImages]:
    """Which images of a split, or of all, have which kinds of errors. One statement."""
    splits: Sequence[int] = [split] if split is not None else [s.value for s in Split]
    rows = fetch_all(ERRORS_SQL, [evaluation.pk, Kind.ERROR_IMAGES, splits])
    return [read_error_images(bytes(row[0])) for row in rows]


# By primary key.
ANSWER_SQL = """
SELECT convert_from(body, 'UTF8') FROM evals_evalanswer WHERE evaluation_id = %s AND asked = %s
"""


def kept_answer(evaluation: ModelEval, asked: str) -> bytes | None:
    """The JSON text of what was asked before; None where nobody has. One statement."""
    row = fetch_one(ANSWER_SQL, [evaluation.pk, asked])
    return None if row is None else str(row[0]).encode()


# By primary key; of a cluster the nodes are asked that have one of the evaluations.
ANSWERS_SQL = """
SELECT evaluation_id, asked, convert_from(body, 'UTF8') FROM evals_evalanswer
WHERE evaluation_id = ANY(%s) AND asked = ANY(%s)
"""


def kept_answers(asked: Mapping[int, str]) -> dict[int, bytes]:
    """The same of several evaluations, by the id of those that were asked before. One statement,
    none for none.
    """
    if not asked:
        return {}
    rows = fetch_all(ANSWERS_SQL, [list(asked), list(set(asked.values()))])
    return {id_: text.encode() for id_, question, text in rows if asked[id_] == question}


# By primary key.
MATRIX_SQL = """
SELECT body FROM evals_evalpanel
WHERE evaluation_id = %s AND kind = %s AND confidence = %s AND split = ANY(%s)
"""


def matrix(evaluation: ModelEval, *, split: int | None, confidence: int) -> Matrix:
    """The confusion matrix of one split, or of all together, at one percent.

    Without cells where the split has no images. One statement.
    """
    splits: Sequence[int] = [split] if split is not None else [s.value for s in Split]
    rows = fetch_all(MATRIX_SQL, [evaluation.pk, Kind.MATRIX, confidence, splits])
    events = unpack_events([row[0] for row in rows])
    return matrix_of(events, 0, n_classes=len(evaluation.classes))
