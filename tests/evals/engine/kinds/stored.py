"""Tasks with answers about the whole task, as the store has them."""

from typing import Any

from evals.engine.boxes import StoredImage

Json = dict[str, Any]
KEYS = {"textarea": "text", "number": "number", "rating": "rating", "taxonomy": "taxonomy"}


def answer(kind: str, value: Any, score: Any = None, name: str = "answer") -> Json:
    """A region of a control of this type."""
    region: Json = {
        "from_name": name,
        "to_name": "task",
        "type": kind,
        "value": {KEYS[kind]: value},
    }
    return region if score is None else {**region, "score": score}


def task(kind: str, truth: list[Any], said: list[Any], score: float | None = None) -> StoredImage:
    """A task; an answer is a value, or a value and its score as a tuple."""
    sides = [
        [answer(kind, *(one if isinstance(one, tuple) else (one,))) for one in side]
        for side in (truth, said)
    ]
    return StoredImage(truth=sides[0], said=sides[1], score=score)
