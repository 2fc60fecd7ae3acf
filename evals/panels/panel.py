"""What a panel is: a part of an evaluation that has a route of its own.

Each module beside this one declares a panel: the document it is answered with, how that is built
from a counted evaluation or taken from an imported file, and how it is read. `table` lists them;
workers, imports, routes and the OpenAPI document go by that list.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from evals.db.writes import NewPanel
from evals.documents.document import Document, encode
from evals.models import EvalPanel, ModelEval
from evals.panels.counted import Counted, Imported
from evals.panels.query import Asked, Query


def nothing(source: Any) -> Iterable[NewPanel]:
    """Builds no panel."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel: all that the rest of the room asks about it."""

    #: The last part of its route, e.g. "map-results".
    path: str
    operation_id: str
    summary: str
    #: What its route answers after the evaluation's identity.
    document: type[Document]
    #: The query parameters of its route.
    query: type[Query] = Query
    #: The JSON text of `document` for a finished evaluation. ReportNotFound where it has none.
    read: Callable[[ModelEval, Asked], bytes]
    #: What a computed evaluation stores for it.
    build: Callable[[Counted], Iterable[NewPanel]] = nothing
    #: The key under which an imported file may bring it, and the kind it is stored as.
    imported_as: tuple[str, EvalPanel.Kind] | None = None
    #: What an import stores beside it, made of the images and of what the file brings.
    derive: Callable[[Imported], Iterable[NewPanel]] = nothing


def stored(
    kind: EvalPanel.Kind,
    body: Document | list[Any],
    *,
    split: int = EvalPanel.ANY,
    confidence: int = EvalPanel.ANY,
) -> NewPanel:
    """A document as it is stored."""
    return NewPanel(kind, encode(body), split=split, confidence=confidence)
