"""What a demo project of texts holds, whatever is said of them."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class TextProject:
    """A project whose tasks bring their ground truth and each version's predictions."""

    title: str
    label_config: str
    #: Stands before a version in a model's id: `news` in `news/news-list`.
    name: str
    versions: tuple[str, ...]
    #: As the import takes them, in order.
    tasks: list[dict[str, Any]]


def task(
    number: int,
    data: dict[str, str],
    *,
    name: str,
    truth: list[dict[str, Any]],
    said: dict[str, list[dict[str, Any]]],
) -> dict[str, Any]:
    """A task to import; every third is of the split `valid`, the others of `test`. A prediction's
    score is the lowest of its regions', 0 without any.
    """
    return {
        "data": data,
        "meta": {
            "image_name": f"{name}-{number:04}",
            "split": "valid" if number % 3 == 0 else "test",
        },
        "annotations": [{"result": truth, "ground_truth": True}],
        "predictions": [
            {
                "model_version": version,
                "result": result,
                "score": min((region["score"] for region in result), default=0.0),
            }
            for version, result in said.items()
        ],
    }
