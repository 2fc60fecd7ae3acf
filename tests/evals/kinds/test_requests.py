"""Which kind a labelling config asks for, and what a request about whole tasks may not say."""

from typing import Any

import pytest

from evals.models import ModelEval
from tests.conftest import Caller, MakeProject
from tests.evals.conftest import load
from tests.evals.kinds.answered import ask, region, task

TREE = '<Taxonomy name="tree" toName="text"><Choice value="A"/></Taxonomy>'
PAIR = '<Pairwise name="pair" toName="text"/>'
STARS = '<Rating name="stars" toName="text"/>'
NUMBER = '<Number name="number" toName="text"/>'
TEXT = '<TextArea name="words" toName="text"/>'
CHOICES = '<Choices name="choice" toName="text"><Choice value="A"/></Choices>'
TREE_OF_SPANS = TREE.replace("><", ' labeling="true"><', 1)
OF_REGIONS = '<Number name="number" toName="text" perRegion="true"/>'


def project(ada: Caller, make_project: MakeProject, *controls: str) -> Any:
    config = '<View><Text name="text" value="$text"/>' + "".join(controls) + "</View>"
    made = make_project(ada, config, title="Answers")
    load(ada, made, [task("one", [region("number", 1, name="number")], [])])
    return made


@pytest.mark.parametrize(
    ("controls", "asked", "task_type", "control"),
    [
        ([TEXT, NUMBER, STARS, PAIR, TREE, CHOICES], {}, "classification", None),
        ([TEXT, NUMBER, STARS, PAIR, TREE], {}, "taxonomy", "tree"),
        ([TEXT, NUMBER, STARS, PAIR], {}, "classification", "pair"),
        ([TEXT, NUMBER, STARS], {}, "rating", "stars"),
        ([TEXT, NUMBER], {}, "regression", "number"),
        ([TEXT], {}, "transcription", "words"),
        ([TEXT, CHOICES], {"control": "words"}, "transcription", "words"),
        ([TEXT, CHOICES], {"taskType": "transcription"}, "transcription", "words"),
        ([TREE, NUMBER], {"taskType": "regression", "tolerance": 2}, "regression", "number"),
        ([TEXT, OF_REGIONS], {}, "transcription", "words"),
        ([TEXT, TREE_OF_SPANS], {}, "transcription", "words"),
    ],
)
def test_the_kind_of_a_config(
    ada: Caller,
    make_project: MakeProject,
    controls: list[str],
    asked: dict[str, Any],
    task_type: str,
    control: str | None,
) -> None:
    answer = ask(ada, project(ada, make_project, *controls), **asked)
    if control is None:
        assert (answer.status_code, answer.json()["error"]) == (400, "ambiguous_control")
        return
    header = answer.json()
    assert (answer.status_code, header["taskType"], header["control"]) == (202, task_type, control)


@pytest.mark.parametrize(
    ("controls", "asked", "code", "words"),
    [
        ([NUMBER], {"tolerance": -1}, "invalid_request", "tolerance"),
        ([NUMBER], {"tolerance": "much"}, "invalid_request", "tolerance"),
        ([NUMBER], {"normalization": "words"}, "invalid_request", "normalization"),
        ([NUMBER], {"iouThreshold": 0.5}, "invalid_request", "iouThreshold"),
        ([NUMBER], {"classes": ["number"]}, "invalid_request", "classes"),
        ([NUMBER], {"labelMap": {"number": "n"}}, "invalid_request", "labelMap"),
        ([STARS], {"classes": ["1", "2"]}, "invalid_request", "classes"),
        ([STARS], {"tolerance": 1}, "invalid_request", "tolerance"),
        ([TEXT], {"normalization": "best"}, "invalid_request", "normalization"),
        ([TEXT], {"tolerance": 1}, "invalid_request", "tolerance"),
        ([TREE], {"matching": "iou-class-first/1"}, "invalid_request", "matching"),
        ([TREE], {"keypointSigmas": {"nose": 0.1}}, "invalid_request", "keypointSigmas"),
        # Nothing is left at its default because it is written otherwise.
        ([NUMBER], {"tolerence": 1}, "invalid_request", "did you mean tolerance?"),
        ([NUMBER], {"ground_truth": "all"}, "invalid_request", "did you mean groundTruth?"),
        ([NUMBER], {"weather": "fine"}, "invalid_request", "weather: There is no such field"),
        (
            [NUMBER],
            {"query": {"filter": {}}},
            "invalid_request",
            "A query has no 'filter', only filters, selectedItems, ordering.",
        ),
        ([NUMBER], {"control": "weight"}, "unknown_control", "number"),
        ([NUMBER], {"control": "number", "taskType": "rating"}, "unsupported_task_type", "rating"),
        ([NUMBER], {"taskType": "transcription"}, "unsupported_task_type", "transcription"),
        (
            [NUMBER, '<Number name="price" toName="text"/>'],
            {},
            "ambiguous_control",
            "number, price",
        ),
        ([STARS, '<Rating name="more" toName="text"/>'], {}, "ambiguous_control", "stars, more"),
        ([TEXT, '<TextArea name="more" toName="text"/>'], {}, "ambiguous_control", "words, more"),
        ([OF_REGIONS], {}, "unsupported_task_type", "taskType"),
        ([TREE_OF_SPANS], {}, "unsupported_task_type", "taskType"),
        ([OF_REGIONS], {"control": "number"}, "unsupported_task_type", "number"),
        (
            ['<Rating name="stars" toName="text" maxRating="101"/>'],
            {"control": "stars"},
            "unsupported_task_type",
            "stars",
        ),
    ],
)
def test_refuses(
    ada: Caller,
    make_project: MakeProject,
    controls: list[str],
    asked: dict[str, Any],
    code: str,
    words: str,
) -> None:
    answer = ask(ada, project(ada, make_project, *controls), **asked)
    assert (answer.status_code, answer.json()["error"]) == (400, code)
    assert words in answer.json()["message"]
    assert not ModelEval.objects.exists()
