"""`load labelstudio` into a new project: the labelling config that is made of the regions."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from evals.models import ModelEval
from predictions.models import Annotation, Project
from tests.conftest import Caller, MakeProject
from tests.predictions.imports.datasets.loading import load
from tests.predictions.imports.datasets.scenes import refused

Json = dict[str, Any]
OTHER = "make a project with their labelling config first, and load into it."


def region(name: str, type_: str, value: Json, **more: Any) -> Json:
    return {"from_name": name, "to_name": "it", "type": type_, "value": value, **more}


def stretch(start: float, end: float, *, value: Json | None = None, **more: Any) -> Json:
    place = {"start": start, "end": end, "labels": ["x"], **(value or {})}
    return region("span", "labels", place, **more)


def write(path: Path, *results: list[Json], data: Json, side: str = "annotations") -> Path:
    tasks = [{"data": data, side: [{"result": result}]} for result in results]
    path.write_text(json.dumps(tasks))
    return path


def config_of(path: Path) -> list[str]:
    """The lines of the config of a new project, but for labels and the outermost tag."""
    load("labelstudio", "--ground-truth", path, "-P", "New")
    lines = Project.objects.get().label_config.splitlines()[1:-1]
    return [line.strip() for line in lines if line.startswith("  <")]


PLACE = {"x": 1, "y": 2, "width": 3, "height": 4}
BOX = region("box", "rectanglelabels", {**PLACE, "rectanglelabels": ["x"]}, id="b")
ANSWERS = [
    ("choices", {"choices": ["yes"]}, "Choices"),
    ("textarea", {"text": ["word"]}, "TextArea"),
    ("rating", {"rating": 3}, "Rating"),
    ("number", {"number": 3}, "Number"),
    ("taxonomy", {"taxonomy": [["A", "B"]]}, "Taxonomy"),
    ("datetime", {"datetime": "2026-01-01"}, "DateTime"),
]


@pytest.mark.parametrize(("type_", "value", "tag"), ANSWERS)
@pytest.mark.parametrize("told_by", ["place", "id"])
def test_answers_of_single_regions_are_not_of_the_task(
    ada: Caller, tmp_path: Path, type_: str, value: Json, tag: str, told_by: str
) -> None:
    """By their place, or the id of the region."""
    beside = PLACE if told_by == "place" else {}
    answer = region("answer", type_, {**beside, **value}, **({} if beside else {"id": "b"}))
    path = write(tmp_path / "t", [answer, BOX], data={"it": "a.png"})
    config = config_of(path)
    assert config[0] == '<Image name="it" value="$it"/>'
    assert config[1].rstrip("/>") == f'<{tag} name="answer" toName="it" perRegion="true"'
    choice = {"project": Project.objects.get().pk, "modelVersion": "v1", "control": "answer"}
    answered = ada.client.post("/lab/model-evals", choice, format="json")
    assert answered.status_code == 400


@pytest.mark.parametrize(("type_", "value", "tag"), ANSWERS)
def test_answers_of_single_pages(
    ada: Caller, tmp_path: Path, type_: str, value: Json, tag: str
) -> None:
    answers = [region("answer", type_, value, item_index=page) for page in (0, 1)]
    path = write(tmp_path / "t", answers, data={"it": ["s3://a/1", "s3://a/2"]})
    config = config_of(path)
    assert config[0] == '<Image name="it" valueList="$it"/>'
    assert config[1].rstrip("/>") == f'<{tag} name="answer" toName="it" perItem="true"'


def chosen(name: str, x: float | None = None, **more: Any) -> Json:
    place = {} if x is None else {"x": x, "y": 2}
    return region("answer", "choices", {**place, "choices": [name]}, **more)


@pytest.mark.parametrize(
    ("answers", "is_multiple"),
    [
        ([chosen("a"), chosen("b")], True),
        ([chosen("a"), chosen("a")], False),
        # Alternatives, of which a model says how likely each is.
        ([chosen("a", score=0.7), chosen("b", score=0.3)], False),
        ([chosen("a", item_index=0), chosen("b", item_index=1)], False),
        ([chosen("a", item_index=0), chosen("b", item_index=0)], True),
        ([chosen("a", id="b"), BOX, {**BOX, "id": "c"}, chosen("b", id="c")], False),
        ([chosen("a", id="b"), BOX, chosen("b", id="b")], True),
        ([chosen("a", x=1), BOX, chosen("b", x=2)], False),
        ([chosen("a", x=1), BOX, chosen("b", x=1)], True),
    ],
)
def test_several_choices_in_regions_of_their_own(
    ada: Caller, tmp_path: Path, answers: list[Json], is_multiple: bool
) -> None:
    """They are answers of one question where they are about the same."""
    data = {"it": ["s3://a/1", "s3://a/2"] if "item_index" in answers[0] else "a.png"}
    (line,) = [
        one for one in config_of(write(tmp_path / "t", answers, data=data)) if "answer" in one
    ]
    assert ('choice="multiple"' in line) == is_multiple


def test_several_choices_where_a_project_allows_one(
    ada: Caller, make_project: MakeProject, tmp_path: Path
) -> None:
    labels = '<Choice value="a"/><Choice value="b"/>'
    asked = f'<Choices name="answer" toName="it">{labels}</Choices>'
    make_project(ada, f'<View><Image name="it" value="$it"/>{asked}</View>', title="Own")
    path = write(tmp_path / "t", [chosen("a"), chosen("b")], data={"it": "a.png"})
    _, warned = load("labelstudio", "--ground-truth", path, "-P", "Own")
    assert warned == [
        "Warning: Tasks of the file have several choices of the control 'answer', which allows one:"
        " evaluations read the first of the ground truth. Give the control"
        ' choice="multiple" if several are meant.'
    ]


def test_answers_of_two_sorts_are_refused(ada: Caller, tmp_path: Path) -> None:
    """Also where one file has the one, and the other file the other."""
    of_box, of_task = (
        region("answer", "choices", {**place, "choices": ["yes"]}) for place in (PLACE, {})
    )
    error = (
        "Answers of the control 'answer' are of single regions in one place and of the whole task"
        f" in another, and a control asks for one of these: {OTHER}"
    )
    path = write(tmp_path / "t", [of_box, BOX], [of_task], data={"it": "a.png"})
    assert refused("labelstudio", "--ground-truth", path, "-P", "New") == [error]
    files = [
        write(tmp_path / side, [one], data={"it": "a.png"}, side=side)
        for side, one in (("annotations", of_box), ("predictions", of_task))
    ]
    sides = ("--ground-truth", files[0], "--predictions", files[1], "--model-version", "v1")
    assert refused("labelstudio", *sides, "-P", "New") == [error]


def test_a_project_that_asks_otherwise_is_warned_of(
    ada: Caller, make_project: MakeProject, tmp_path: Path
) -> None:
    config = (
        '<View><Image name="it" value="$it"/><TextArea name="answer" toName="it"/>'
        '<RectangleLabels name="box" toName="it"><Label value="x"/></RectangleLabels></View>'
    )
    make_project(ada, config, title="Own")
    answer = region("answer", "textarea", {**PLACE, "text": ["word"]}, id="b")
    path = write(tmp_path / "t", [BOX, answer], data={"it": "a.png"})
    _, warned = load("labelstudio", "--ground-truth", path, "-P", "Own")
    assert warned == [
        "Warning: Answers of the control 'answer' are of single regions in the file; the project's"
        " labelling config asks for those of the whole task, and so they are read."
    ]


@pytest.mark.parametrize(
    ("shown", "of_region", "kind"),
    [
        ("s3://a/1", {"value": {"channel": 0}}, "Audio"),
        ("s3://a/1", {"original_length": 60}, "Audio"),
        ("s3://a/1.WAV?token=1", {}, "Audio"),
        ("s3://a/1.mp4", {}, "Video"),
        ("the cat sat", {}, "Text"),
        ("the cat sat", {"value": {"text": "he"}}, "Text"),
        ("the cat sat on hat.wav", {}, "Text"),
        ("hat.wav", {"value": {"text": "at"}}, "Text"),
        ("s3://a/1.txt", {"value": {"text": "he"}}, "Text"),
        ("<p>the cat</p>", {"value": {"start": "/p[1]", "end": "/p[1]"}}, "HyperText"),
        ([{"text": "the cat"}],
         {"value": {"start": "0", "end": "0", "startOffset": 1, "endOffset": 2}}, "Paragraphs"),
        ("s3://a/1", {"value": {"x": 1}}, "Image"),
        ("s3://a/1", {"value": {"vertices": []}}, "Image"),
        ("s3://a/1", {"value": {"sequence": []}}, "Video"),
    ],
)  # fmt: skip
def test_whole_numbers_are_seconds_or_characters(
    ada: Caller, tmp_path: Path, shown: Any, of_region: Json, kind: str
) -> None:
    path = write(tmp_path / "t", [stretch(1, 3, **of_region)], data={"it": shown})
    assert config_of(path) == [
        f'<{kind} name="it" value="$it"/>', '<Labels name="span" toName="it">', "</Labels>",
    ]  # fmt: skip


def test_seconds_of_either_file_decide(ada: Caller, tmp_path: Path) -> None:
    data = {"it": "s3://a/1"}
    truth = write(tmp_path / "t", [stretch(1, 3)], data=data)
    said = write(tmp_path / "p", [stretch(1, 3.5)], data=data, side="predictions")
    lines, _ = load(
        "labelstudio", "--ground-truth", truth, "--predictions", said, "-P", "New",
        "--model-version", "v1", "--evaluate",
    )  # fmt: skip
    evaluation = ModelEval.objects.get(eval_id=lines[-1])
    assert evaluation.task_type == "temporal-detection"


UNTOLD = (
    "Nothing tells whether `start` and `end` in the regions of 'it' are characters of a text or"
    f" seconds of a recording: {OTHER}"
)


@pytest.mark.parametrize(
    ("result", "shown", "error"),
    [
        ([stretch(1, 3)], "s3://a/1", UNTOLD),
        ([stretch(1, 30)], "clip", UNTOLD),
        ([stretch(1, 3)], None, UNTOLD),
        ([BOX, stretch(1, 3.5)], "s3://a/1",
         f"Regions of 'it' are such as different objects have (Image, Audio): {OTHER}"),
        ([BOX, region("box", "choices", {"choices": ["x"]})], "a.png",
         "Regions of the control 'box' are of several types, rectanglelabels, choices: a control"
         " has regions of one."),
        ([BOX], [{"url": "a.png"}],
         f"'it' are parts of one list, 'it', as a Repeater shows them: {OTHER}"),
        ([{**BOX, "to_name": name} for name in ("it_0", "it_1")], ["a.png", "b.png"],
         f"'it_0', 'it_1' are parts of one list, 'it', as a Repeater shows them: {OTHER}"),
        ([region("t", "timeserieslabels", {"start": "20260131", "end": "20260201"})], "a.csv",
         "Regions of 'it' have times that are numbers as text, which its `timeFormat` alone tells"
         f" how to read: {OTHER}"),
    ],
)  # fmt: skip
def test_what_nothing_tells_is_refused(
    ada: Caller, tmp_path: Path, result: list[Json], shown: Any, error: str
) -> None:
    path = write(tmp_path / "t", result, data={"it": shown})
    assert refused("labelstudio", "--ground-truth", path, "-P", "New") == [error]


def test_what_answers_tell_of_their_control(ada: Caller, tmp_path: Path) -> None:
    """Several paths are several choices; more than five stars are there; a pair has two objects."""
    result = [
        region("trees", "choices", {"choices": [["A", "B"], ["C"]]}),
        region("stars", "rating", {"rating": 7}),
        {**region("pair", "pairwise", {"selected": "left"}), "to_name": "left,right"},
    ]
    data = {"it": "one", "a": "some text", "b": "another"}
    assert config_of(write(tmp_path / "t", result, data=data)) == [
        '<Text name="it" value="$it"/>',
        '<Text name="left" value="$a"/>',
        '<Text name="right" value="$b"/>',
        '<Choices name="trees" toName="it" allowNested="true" choice="multiple"/>',
        '<Rating name="stars" toName="it" maxRating="7"/>',
        '<Pairwise name="pair" toName="left,right"/>',
    ]


def test_the_text_of_a_path_makes_no_choice_of_that_name(ada: Caller, tmp_path: Path) -> None:
    """It is a path, so a near miss is half right."""
    true, said = tmp_path / "true", tmp_path / "said"
    tree = [region("tree", "taxonomy", {"taxonomy": ["Animal / Dog"]})]
    true.write_text(json.dumps([{"data": {"it": "one"}, "annotations": [{"result": tree}]}]))
    near = [region("tree", "taxonomy", {"taxonomy": ["Animal / Cat"]})]
    said.write_text(json.dumps([{"data": {"it": "one"}, "predictions": [{"result": near}]}]))
    config = config_of(true)
    assert config == ['<Text name="it" value="$it"/>', '<Taxonomy name="tree" toName="it"/>']
    lines, _ = load(
        "labelstudio", "--predictions", said, "-P", "New", "--model-version", "v1", "--evaluate"
    )
    document = ada.client.get(f"/lab/model-evals/{lines[-1]}").json()
    assert document["summary"]["primary"] == {
        "name": "hierarchicalF1", "value": 0.5, "higherIsBetter": True,
    }  # fmt: skip
    assert document["warnings"] == []


TREES = """<View><Text name="it" value="$it"/><Taxonomy name="tree" toName="it"{more}>
<Choice value="Animal" alias="a"><Choice value="Dog"/><Choice value="Cat" alias="c"/></Choice>
</Taxonomy></View>"""


@pytest.mark.parametrize("more", ["", ' value="$tree"'])
@pytest.mark.parametrize(
    ("answer", "is_there"),
    [
        (["Animal", "Dog"], True),
        (["a", "Cat"], True),
        (["Animal"], True),
        ("a / c", True),
        (["Animal", "Cow"], False),
        ("Animal / Cow", False),
        (["Dog"], False),
    ],
)
def test_paths_that_the_tree_of_a_project_lacks_are_refused(
    ada: Caller, make_project: MakeProject, tmp_path: Path, answer: Any, is_there: bool, more: str
) -> None:
    config = TREES.format(more=more)
    make_project(ada, config, title="New")
    fine = [region("tree", "taxonomy", {"taxonomy": [["Animal", "Dog"]]})]
    told = [region("tree", "taxonomy", {"taxonomy": [answer]})]
    path = write(tmp_path / "t", fine, told, data={"it": "one", "tree": []})
    if is_there or more:
        load("labelstudio", "--ground-truth", path, "-P", "New")
        return
    name = answer if isinstance(answer, str) else " / ".join(answer)
    with pytest.raises(CommandError) as caught:
        load("labelstudio", "--ground-truth", path, "-P", "New")
    error = f"[1]: The tree of the control 'tree' has no path {name!r}."
    assert str(caught.value).splitlines() == [error, "Nothing is stored."]
    assert not Annotation.objects.exists()


def test_single_names_beside_paths_make_no_tree(ada: Caller, tmp_path: Path) -> None:
    """It would lack the paths, and what is loaded later would be refused."""
    tree = [region("tree", "taxonomy", {"taxonomy": ["Dog", ["Animal", "Dog"]]})]
    path = write(tmp_path / "t", tree, data={"it": "one"})
    lines = ['<Text name="it" value="$it"/>', '<Taxonomy name="tree" toName="it"/>']
    assert config_of(path) == lines
    said = write(tmp_path / "s", tree, data={"it": "one"}, side="predictions")
    load("labelstudio", "--predictions", said, "-P", "New", "--model-version", "v1")


def test_a_new_task_keeps_its_tags_and_external_id(ada: Caller, tmp_path: Path) -> None:
    tree = [region("tree", "taxonomy", {"taxonomy": [["A", "B"]]})]
    more = {"tags": ["night", "rain", "night"], "external_id": "cam-7"}
    told = [{"data": {"it": "one"}, "annotations": [{"result": tree}], **more},
            {"data": {"it": "two"}, "annotations": [{"result": tree}], "tags": None}]  # fmt: skip
    path = tmp_path / "t"
    path.write_text(json.dumps(told))
    load("labelstudio", "--ground-truth", path, "-P", "New")
    project = Project.objects.get()
    first, second = project.tasks.order_by("id")
    shown = [ada.client.get(f"/api/tasks/{one.pk}/").json()["tags"] for one in (first, second)]
    assert shown == [["night", "rain"], []]
    assert (first.external_id, second.external_id) == ("cam-7", None)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"tags": "night"}, 'Task[tags]: Expected a list of items but got type "str".'),
        ({"external_id": 7}, "external_id must be text of 1 to 255 characters"),
    ],
)
def test_tags_and_external_ids_in_another_form_are_refused(
    ada: Caller, tmp_path: Path, more: Json, message: str
) -> None:
    tree = [region("tree", "taxonomy", {"taxonomy": [["A", "B"]]})]
    path = tmp_path / "t"
    path.write_text(
        json.dumps([{"data": {"it": "one"}, "annotations": [{"result": tree}], **more}])
    )
    assert refused("labelstudio", "--ground-truth", path, "-P", "New") == [f"[0]: {message}"]


def test_each_object_has_the_value_that_its_regions_are_of(ada: Caller, tmp_path: Path) -> None:
    """Answers come first here, and tell nothing."""
    span = {"start": 4, "end": 7, "text": "cat", "labels": ["x"]}
    result = [
        {**region("mood", "choices", {"choices": ["x"]}), "to_name": "story"},
        region("mood", "choices", {"choices": ["x"]}),
        {**region("span", "labels", span), "to_name": "story"},
        BOX,
    ]
    data = {"number": "a/7", "note": "some long text about it", "body": "the cat", "url": "a.png"}
    assert config_of(write(tmp_path / "t", result, data=data))[:2] == [
        '<Text name="story" value="$body"/>',
        '<Image name="it" value="$url"/>',
    ]


def test_a_picture_that_each_file_calls_otherwise_is_refused(ada: Caller, tmp_path: Path) -> None:
    """It would be two pictures, and nothing would match. What one file alone is about may be."""
    data = {"it": "a.png", "video": "v"}
    whole = {**chosen("a"), "to_name": "video"}
    true = write(tmp_path / "true", [BOX, whole], data=data)
    said = write(tmp_path / "said", [{**BOX, "to_name": "img"}], data=data, side="predictions")
    files = ["labelstudio", "--ground-truth", true, "--predictions", said, "-P", "New"]
    assert refused(*files, "--model-version", "v1") == [
        "Regions of one file are of 'it' (`to_name`) and of the other of 'img', which is the same"
        " 'it' of the data: call it alike in both, or make a project with their labelling config"
        " first, and load into it."
    ]
    write(tmp_path / "said", [BOX], data=data, side="predictions")
    load(*files, "--model-version", "v1")


def test_an_id_that_all_regions_have_names_none(ada: Caller, tmp_path: Path) -> None:
    answer = region("answer", "choices", {"choices": ["yes"]}, id="b")
    path = write(tmp_path / "t", [BOX, BOX, answer], data={"it": "a.png"})
    assert config_of(path)[-2:] == ['<Choices name="answer" toName="it">', "</Choices>"]


def test_a_project_with_a_repeater_is_loaded_into(
    ada: Caller, make_project: MakeProject, tmp_path: Path
) -> None:
    """Its regions name items by number; a label that one lacks is the control's."""
    config = (
        '<View><Repeater on="$pages" indexFlag="{{idx}}"><Image name="it_{{idx}}"'
        ' value="$pages[{{idx}}].url"/><RectangleLabels name="box_{{idx}}" toName="it_{{idx}}">'
        '<Label value="x"/></RectangleLabels></Repeater></View>'
    )
    make_project(ada, config, title="Own")
    boxes = [
        {**BOX, "from_name": f"box_{n}", "to_name": f"it_{n}",
         "value": {**PLACE, "rectanglelabels": [label]}}
        for n, label in enumerate("xy")
    ]  # fmt: skip
    data = {"pages": [{"url": "a.png"}, {"url": "b.png"}]}
    truth = write(tmp_path / "t", boxes, data=data)
    said = write(tmp_path / "p", boxes[::-1], data=data, side="predictions")
    lines, warned = load(
        "labelstudio", "--ground-truth", truth, "--predictions", said, "-P", "Own",
        "--model-version", "v1", "--add-labels", "--evaluate",
    )  # fmt: skip
    assert warned == []
    label_config = Project.objects.get(title="Own").label_config
    assert '<Label value="x" /><Label value="y" /></RectangleLabels>' in label_config
    summary = ModelEval.objects.get(eval_id=lines[-1]).summary
    assert summary is not None
    assert summary["metrics"]["mAP"] == pytest.approx(1)
