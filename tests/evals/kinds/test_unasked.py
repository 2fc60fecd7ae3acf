"""A question that neither side answers, as one that is asked only after another."""

from typing import Any

import pytest

from tests.conftest import Caller, MakeProject
from tests.evals.kinds.answered import evaluated, get

CONFIG = (
    '<View><Text name="text" value="$text"/><Choices name="answer" toName="text"{}>'
    '<Choice value="ad"/><Choice value="scam"/></Choices></View>'
)
#: True and predicted choices of each task.
ASKED = [("ad", "ad"), ("ad", "scam"), (None, "ad"), ("scam", None)]
UNASKED = [(None, None)]


def task(name: str, truth: str | None, said: str | None) -> dict[str, Any]:
    def regions(choice: str | None) -> list[dict[str, Any]]:
        value = {"choices": [choice]}
        found = {"from_name": "answer", "to_name": "text", "type": "choices", "value": value}
        return [] if choice is None else [found]

    return {
        "data": {"text": name},
        "annotations": [{"result": regions(truth), "ground_truth": True}],
        "predictions": [{"result": regions(said), "model_version": "v1", "score": 0.5}],
    }


@pytest.mark.parametrize(
    ("several", "choices", "accuracy"),
    [
        ("", ASKED + UNASKED * 3, 1 / 4),
        ("", UNASKED, None),
        (' choice="multiple"', ASKED + UNASKED * 3, 4 / 7),
    ],
)
def test_accuracy(
    ada: Caller,
    make_project: MakeProject,
    several: str,
    choices: list[tuple[str | None, str | None]],
    accuracy: float | None,
) -> None:
    items = [task(str(n), *pair) for n, pair in enumerate(choices)]
    done = evaluated(ada, make_project, CONFIG.format(several), items)
    assert get(ada, done).json()["summary"]["primary"] == {
        "name": "accuracy",
        "value": accuracy,
        "higherIsBetter": True,
    }
    metrics = get(ada, done, "map-results").json()["splits"]["test"]["metrics"]
    assert metrics == {"accuracy": accuracy}
