"""Pairwise over the API: a classification with the classes left and right."""

from tests.conftest import Caller, MakeProject
from tests.evals.kinds.answered import evaluated, get, region, task

CONFIG = (
    '<View><Text name="text" value="$text"/><Text name="second" value="$text"/>'
    '<Pairwise name="answer" toName="text,second"/></View>'
)


def test_what_is_chosen_of_a_pair(ada: Caller, make_project: MakeProject) -> None:
    choices = [("left", "left"), ("right", "left"), ("right", "right"), ("left", None)]
    items = [
        task(
            f"{n}",
            [region("pairwise", truth)],
            None if said is None else [region("pairwise", said, 0.8)],
        )
        for n, (truth, said) in enumerate(choices)
    ]
    done = evaluated(ada, make_project, CONFIG, items)
    header = get(ada, done).json()
    assert (header["taskType"], header["control"]) == ("classification", "answer")
    assert header["classes"] == ["left", "right"]
    assert header["summary"]["primary"] == {
        "name": "accuracy",
        "value": 0.5,
        "higherIsBetter": True,
    }
    records = get(ada, done, "image-predictions").json()["images"]
    assert [one["confusion"] for one in records] == [
        [[0, 0, 1]],
        [[1, 0, 1]],
        [[1, 1, 1]],
        [[0, 2, 1]],
    ]
    assert get(ada, done, "map-results").json()["splits"]["test"]["metrics"] == {"accuracy": 0.5}
