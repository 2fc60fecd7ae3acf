"""`manage.py load csv`: classes of images or texts."""

import csv
import io
from pathlib import Path

import pytest
from django.core.management.base import CommandError

from predictions.models import Prediction, Project, Task
from tests.conftest import Caller, MakeProject
from tests.predictions.imports.datasets.loading import load
from tests.predictions.imports.datasets.scenes import (
    both,
    refused,
    said,
    tasks,
    together_or_not,
    truths,
    values,
)

BY_ORDER = (
    "Warning: 1 texts stand in the {} more than once, and the file says different things of them:"
    " of {!r} the first was taken for the first, and so on. If they are in another order, give both"
    " sides other data that tells them apart, such as an id."
)
CSV = "image,label,camera\na.png,cat,1\nb.png,cat;dog,2\nc.png,,\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_images(ada: Caller, tmp_path: Path) -> None:
    truth = write(tmp_path / "truth.csv", "\ufeff" + CSV)
    found = "image;score;label\nc.png;90;dog\na.png;45;cat\nb.png;;\n"
    lines, warned = both("csv", truth, write(tmp_path / "said.csv", found))
    assert lines[0].endswith(
        "made: 3 images, 2 classes, 3 new tasks, 3 ground truths, 3 predictions."
    )
    assert warned == [
        "Warning: The highest score is 90: the scores are taken as per cent and divided by 100."
    ]
    assert tasks() == [
        ({"image": "a.png", "camera": "1"}, {"image_name": "a.png", "split": "test"}),
        ({"image": "b.png", "camera": "2"}, {"image_name": "b.png", "split": "test"}),
        ({"image": "c.png", "camera": ""}, {"image_name": "c.png", "split": "test"}),
    ]
    assert Project.objects.get().label_config == (
        '<View>\n  <Image name="image" value="$image"/>\n'
        '  <Choices name="choice" toName="image" choice="multiple">\n'
        '    <Choice value="cat"/>\n    <Choice value="dog"/>\n  </Choices>\n</View>'
    )
    assert values(truths()) == [[{"choices": ["cat"]}], [{"choices": ["cat", "dog"]}], []]
    assert values(said()) == [
        [{"choices": ["cat"], "score": 0.45}], [], [{"choices": ["dog"], "score": 0.9}]
    ]  # fmt: skip


def test_texts_without_scores(ada: Caller, tmp_path: Path) -> None:
    text = 'text,label\n"two\nlines, ""quoted""",good\nsame,bad\nsame,good\n'
    path = write(tmp_path / "a.csv", text)
    _, warned = both("csv", path, path)
    assert warned == [
        "Warning: No score is in the file: every prediction counts as a sure one.",
        BY_ORDER.format("ground truth", "same"),
    ]
    assert [data for data, _ in tasks()] == [
        {"text": 'two\nlines, "quoted"'}, {"text": "same"}, {"text": "same"}
    ]  # fmt: skip
    assert values(said()) == values(truths()) == [
        [{"choices": ["good"]}], [{"choices": ["bad"]}], [{"choices": ["good"]}]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("\n\n", "{}: has no header with the columns' names."),
        ("a,label\nb,c\n", "{}, line 1: has neither a column 'image' nor 'text', only a, label."),
        ("image,name\nb,c\n", "{}, line 1: has no column 'label', only image, name."),
        ("image,label,label\n", "{}, line 1: has a column 'label' twice."),
        ("image,label\na,b,c\n", "{}, line 2: has 3 cells, the header has 2."),
        ("image,label\na,b\n,c\n", "{}, line 3: has no image."),
        ("image,label\na,b\na,c\n", "{}, line 3: is of the same image as {}, line 2: 'a'."),
        ('image,label\na,"b\n', "{}, line 2: is no row: unexpected end of data."),
        ("image,label\na,b\nc,B\n", "{}, line 3: 'B' and 'b' differ by case or spaces alone."),
        ("image,label\n", "There are no images in the file."),
    ],
)
def test_bad_files_leave_nothing_behind(ada: Caller, tmp_path: Path, text: str, error: str) -> None:
    path = write(tmp_path / "a.csv", text)
    assert refused("csv", "--ground-truth", path, "-P", "Files") == [error.replace("{}", str(path))]


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ("a.png,cat,high", "'high' is no score."),
        ("a.png,cat,101", "101 is no score: 0 to 1, or per cent up to 100."),
        ("a.png,cat,-0.1", "-0.1 is no score: 0 to 1, or per cent up to 100."),
        ("a.png,cat,nan", "'nan' is no score."),
        ("z.png,cat,0.5", "'z.png' is not among the images of the ground truth."),
    ],
)
def test_bad_predictions(ada: Caller, tmp_path: Path, row: str, error: str) -> None:
    truth = write(tmp_path / "truth.csv", CSV)
    path = write(tmp_path / "a.csv", f"image,label,score\nb.png,dog,0.5\n{row}\n")
    errors = refused(
        "csv",
        "--ground-truth",
        truth,
        "--predictions",
        path,
        "-P",
        "Files",
        "--model-version",
        "v1",
    )
    assert errors[0] == f"{path}, line 3: {error}"


TEXTS = "text,label\nok,cat\nno,dog\nok,dog\n"


@pytest.mark.parametrize("is_together", [True, False])
@pytest.mark.parametrize(("n", "is_warned"), [(1, True), (2, False), (0, False)])
def test_equal_texts_of_which_some_are_in_the_file(
    ada: Caller, tmp_path: Path, is_together: bool, n: int, is_warned: bool
) -> None:
    """Which of them is meant nobody knows: the first."""
    truth = write(tmp_path / "truth.csv", TEXTS)
    said_ = write(tmp_path / "a.csv", "text,label,score\nno,dog,0.5\n" + "ok,cat,0.5\n" * n)
    warned = together_or_not("csv", truth, said_, is_together=is_together)
    where = "ground truth" if is_together else "project"
    text = (
        f"Warning: 1 texts stand in the {where} more often than in the file: of 'ok' the first 1 of"
        " 2 were taken. If others are meant, give all of them, in the same order."
    )
    assert warned == ([text] if is_warned else [])
    _, warned = load("csv", "--ground-truth", truth, "-P", "Files")
    assert warned == [BY_ORDER.format("project", "ok")]
    some = write(tmp_path / "some.csv", "text,label\nok,cat\n")
    _, warned = load("csv", "--ground-truth", some, "-P", "Files")
    assert warned == [text.replace("ground truth", "project")]


def test_not_utf_8(ada: Caller, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"image,label\na,caf\xe9\n")
    assert refused("csv", "--ground-truth", tmp_path / "a.csv", "-P", "Files") == [
        f"{tmp_path / 'a.csv'}: is not UTF-8: byte 17 is 0xe9."
    ]


def test_one_of_each(ada: Caller, tmp_path: Path) -> None:
    truth = write(tmp_path / "truth.csv", "image,label\na.png,cat\n")
    lines, _ = both("csv", truth, write(tmp_path / "said.csv", "image,label\na.png,cat\n"))
    assert lines[0].endswith("made: 1 image, 1 class, 1 new task, 1 ground truth, 1 prediction.")


def test_options_of_other_formats_are_refused(ada: Caller, tmp_path: Path) -> None:
    truth = write(tmp_path / "truth.csv", CSV)
    asked = ("--shapes", "boxes", "--image-column", "image", "--truth-field", "truth")
    with pytest.raises(CommandError) as error:
        load("csv", "--ground-truth", truth, "-P", "Pets", *asked)
    assert str(error.value).splitlines() == [
        "--shapes boxes (`shapes`) is not read of csv: those that read it are coco, lvis.",
        "--image-column (`image_column`) is for the predictions, and no such file is given.",
        "--truth-field (`truth_field`) is not read of csv: fiftyone alone reads it.",
        "Nothing is stored.",
    ]
    assert not Project.objects.exists()


@pytest.mark.parametrize(
    "header", ['text,label,"a;b;c;d"', '"a;b\n;c;""d",text,label', '"a;b;c;d"\ttext\tlabel']
)
def test_names_of_columns_may_hold_other_separators(
    ada: Caller, tmp_path: Path, header: str
) -> None:
    separator = "\t" if "\t" in header else ","
    row = {"text": "x, y", "label": "cat"}
    (names,) = csv.reader(io.StringIO(header), delimiter=separator)
    line = separator.join(f'"{row.get(name, "1;2")}"' for name in names)
    load(
        "csv", "--ground-truth", write(tmp_path / "truth.csv", f"{header}\n{line}\n"), "-P", "Files"
    )
    (other,) = set(names) - row.keys()
    expected = {"text": "x, y", other: "1;2"}
    assert [data for data, _ in tasks()] == [expected]
    # Written again, it is read again.
    project_id = Project.objects.get().pk
    wanted = f"?project={project_id}&format=labels-csv&ground_truth=true"
    written = ada.client.get(f"/api/predictions/export{wanted}")
    again = tmp_path / "again.csv"
    again.write_bytes(b"".join(written))
    load("csv", "--ground-truth", again, "-P", "Again")
    assert [data for data, _ in tasks()] == [expected] * 2


def choices(name: str, *options: str, more: str = "") -> str:
    listed = "".join(f'<Choice value="{one}"/>' for one in options)
    return f'<Choices name="{name}" toName="image"{more}>{listed}</Choices>'


IMAGE = '<Image name="image" value="$image"/>'


@pytest.mark.parametrize("side", ["--ground-truth", "--predictions"])
def test_two_questions_of_the_same_answers_are_refused(
    ada: Caller, make_project: MakeProject, tmp_path: Path, side: str
) -> None:
    """The answers of one would be measured by those of the other."""
    config = f"<View>{IMAGE}{choices('blurred', 'no', 'yes')}{choices('night', 'yes', 'no')}</View>"
    ada.client.post(
        f"/api/projects/{make_project(ada, config, title='Own').pk}/import",
        [{"data": {"image": "a.png"}}], format="json",
    )  # fmt: skip
    path = write(tmp_path / "a.csv", "image,label,score\na.png,yes,0.5\n")
    version = () if side == "--ground-truth" else ("--model-version", "v1")
    with pytest.raises(CommandError) as error:
        load("csv", side, path, "-P", "Own", *version)
    assert str(error.value).splitlines() == [
        "The project's labelling config has several Choices that take the file's labels,"
        " 'blurred', 'night', and the file does not say which of them it answers: give Label"
        " Studio's own tasks (labelstudio).",
        "Nothing is stored.",
    ]
    assert truths() == said() == []


def test_the_question_that_knows_the_answers_is_taken(
    ada: Caller, make_project: MakeProject, tmp_path: Path
) -> None:
    config = f"<View>{IMAGE}{choices('night', 'day', 'night')}{choices('blurred', 'yes')}</View>"
    make_project(ada, config, title="Own")
    path = write(tmp_path / "a.csv", "image,label\na.png,yes\n")
    assert load("csv", "--ground-truth", path, "-P", "Own")[1] == []
    assert [[one["from_name"] for one in result] for result in truths()] == [["blurred"]]


@pytest.mark.parametrize(("more", "is_warned"), [("", True), (' choice="multiple"', False)])
def test_several_choices_where_one_is_allowed(
    ada: Caller, make_project: MakeProject, tmp_path: Path, more: str, is_warned: bool
) -> None:
    make_project(
        ada, f"<View>{IMAGE}{choices('animal', 'cat', 'dog', more=more)}</View>", title="Own"
    )
    path = write(tmp_path / "a.csv", "image,label\na.png,cat;dog\n")
    _, warned = load("csv", "--ground-truth", path, "-P", "Own")
    text = (
        "Warning: Tasks of the file have several choices of the control 'animal', which allows one:"
        " evaluations read the first of the ground truth. Give the control"
        ' choice="multiple" if several are meant.'
    )
    assert warned == ([text] if is_warned else [])


BOXES = '<RectangleLabels name="box" toName="image"><Label value="cat"/></RectangleLabels>'
BOX = {
    "from_name": "box", "to_name": "image", "type": "rectanglelabels",
    "value": {"x": 1, "y": 1, "width": 9, "height": 9, "rectanglelabels": ["cat"]},
}  # fmt: skip


def test_what_other_controls_said_is_told_when_it_goes(
    ada: Caller, make_project: MakeProject, tmp_path: Path
) -> None:
    """A model of two heads, whose answers are loaded one after the other under one version."""
    asked = choices("animal", "cat", "dog")
    made = make_project(ada, f"<View>{IMAGE}{BOXES}{asked}</View>", title="Own")
    item = {
        "annotations": [{"result": [BOX], "ground_truth": True}],
        "predictions": [{"result": [BOX, BOX], "model_version": "v1", "score": 0.5}],
    }
    items = [{"data": {"image": name}, **item} for name in ("a.png", "b.png")]
    answered = ada.client.post(f"/api/projects/{made.pk}/import", items, format="json")
    assert answered.status_code == 201
    path = write(tmp_path / "a.csv", "image,label,score\na.png,cat,0.5\nb.png,,\n")
    text = (
        "Warning: {} of 2 tasks held regions of other controls, such as 'box', and the file's took"
        " their place. Give all in one file, or each under a version of its own, if both are meant."
    )
    said_so = ("--predictions", path, "-P", "Own", "--model-version")
    assert load("csv", *said_so, "v1")[1] == [text.format("Predictions")]
    # What is of the file's own control is replaced without a word, and so is another version's.
    write(path, "image,label,score\na.png,dog,0.5\nb.png,,\n")
    assert load("csv", *said_so, "v1")[1] == load("csv", *said_so, "v2")[1] == []
    truth = write(tmp_path / "truth.csv", "image,label\na.png,cat\nb.png,dog\n")
    replace = ("--ground-truth", truth, "-P", "Own", "--replace-ground-truth")
    assert load("csv", *replace)[1] == [text.format("Ground truths")]
    assert load("csv", *replace)[1] == []


ASKED = "text,question,label\nAda met Bob,who?,cat\nAda met Bob,whom?,dog\n"


@pytest.mark.parametrize("is_together", [True, False])
def test_equal_texts_are_told_apart_by_their_other_columns(
    ada: Caller, tmp_path: Path, is_together: bool
) -> None:
    """In whatever order: not the first for the first."""
    truth = write(tmp_path / "truth.csv", ASKED)
    rows = "Ada met Bob,0.5,dog,whom?\nAda met Bob,0.5,cat,who?\n"
    said_ = write(tmp_path / "a.csv", f"text,score,label,question\n{rows}")
    warned = together_or_not("csv", truth, said_, is_together=is_together)
    assert warned == []
    assert values(truths()) == [[{"choices": ["cat"]}], [{"choices": ["dog"]}]]
    assert [one[0]["value"]["choices"] for one in said()] == [["cat"], ["dog"]]


def test_one_of_equal_texts_is_told_by_its_other_columns(ada: Caller, tmp_path: Path) -> None:
    load("csv", "--ground-truth", write(tmp_path / "truth.csv", ASKED), "-P", "Files")
    asked = ("-P", "Files", "--model-version", "v1")
    row = "text,question,label,score\nAda met Bob,{},dog,0.5\n"
    second = write(tmp_path / "a.csv", row.format("whom?"))
    _, warned = load("csv", "--predictions", second, *asked)
    assert warned == []
    assert [one.task.data["question"] for one in Prediction.objects.all()] == ["whom?"]
    other = write(tmp_path / "b.csv", row.format("when?"))
    with pytest.raises(CommandError) as error:
        load("csv", "--predictions", other, *asked)
    assert str(error.value).splitlines() == [
        f"{other}, line 2: this text stands in the project, but not once more with the other data"
        " that the file has of it: leave the other data out, or give that of the task.",
        "Nothing is stored.",
    ]


def test_numbers_that_tell_equal_texts_apart_may_be_written_in_two_ways(
    ada: Caller, tmp_path: Path
) -> None:
    rows = "ok,1,cat\nok,2.50,dog\n"
    load("csv", "--ground-truth", write(tmp_path / "a.csv", f"text,n,label\n{rows}"), "-P", "Files")
    for task, n in zip(Task.objects.order_by("id"), (1, 2.5), strict=True):
        Task.objects.filter(pk=task.pk).update(data={**task.data, "n": n})
    said_ = write(tmp_path / "b.csv", "text,n,label,score\nok,2.5,dog,0.5\nok,1.0,cat,0.5\n")
    load("csv", "--predictions", said_, "-P", "Files", "--model-version", "v1")
    rows_ = Prediction.objects.all()
    chosen = {one.task.data["n"]: one.result[0]["value"]["choices"] for one in rows_}
    assert chosen == {1: ["cat"], 2.5: ["dog"]}


def test_predictions_of_several_versions_are_refused(ada: Caller, tmp_path: Path) -> None:
    """They would be stored as those of one."""
    truth = write(tmp_path / "truth.csv", "text,label\na,cat\nb,dog\n")
    rows = "text,label,score,model_version\na,cat,1,{}\nb,dog,1,{}\n"
    said_ = write(tmp_path / "a.csv", rows.format("m2", "m1"))
    asked = ("csv", "--ground-truth", truth, "-P", "Files", "--model-version", "v1")
    assert refused(*asked, "--predictions", said_) == [
        f"{said_}: has predictions of several versions, 'm1', 'm2': load one of them at a time."
    ]
    both("csv", truth, write(tmp_path / "b.csv", rows.format("m1", "m1")))
    assert {row.model_version for row in Prediction.objects.all()} == {"v1"}


@pytest.mark.parametrize("cell", ["['cat', 'dog']", "[]", '[""cat""]'])
def test_lists_that_a_program_wrote_are_no_classes(ada: Caller, tmp_path: Path, cell: str) -> None:
    path = write(tmp_path / "a.csv", f'text,label\na,cat\nb,"{cell}"\n')
    told = repr(cell.replace('""', '"'))
    assert refused("csv", "--ground-truth", path, "-P", "Files") == [
        f"{path}, line 3: {told} is a list: write its labels with `;` between them, and nothing for"
        " none."
    ]


@pytest.mark.parametrize(
    "cell",
    [
        '{""choices"": [""cat"", ""dog""]}',
        "{'choices': ['cat', 'dog']}",
        '[{""rating"": 3, ""score"": null}]',
        '[{""start"": 0, ""end"": 2, ""labels"": [""A""]}]',
    ],
)
def test_answers_of_label_studios_table_are_no_classes(
    ada: Caller, tmp_path: Path, cell: str
) -> None:
    """Its CSV holds what is more than one choice as JSON."""
    path = write(tmp_path / "a.csv", f'text,label\na,cat\nb,"{cell}"\n')
    told = repr(cell.replace('""', '"'))
    assert refused("csv", "--ground-truth", path, "-P", "Files") == [
        f"{path}, line 3: {told} is no label but an answer, as Label Studio's CSV holds it: load"
        " Label Studio's JSON (`labelstudio`), or write its labels with `;` between them."
    ]


def test_a_class_may_stand_in_brackets(ada: Caller, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text,label\na,[CLS]\nb,[1]\nc,{x}\n")
    load("csv", "--ground-truth", path, "-P", "Files")
    assert values(truths()) == [
        [{"choices": ["[CLS]"]}],
        [{"choices": ["[1]"]}],
        [{"choices": ["{x}"]}],
    ]


@pytest.mark.parametrize(("about", "tag"), [("text", "Text"), ("image", "Image")])
def test_a_column_called_as_what_the_config_shows_does_not_take_its_place(
    ada: Caller, make_project: MakeProject, tmp_path: Path, about: str, tag: str
) -> None:
    """Its regions would be shown, and known again, by another text or image."""
    options = '<Choices name="c" toName="a"><Choice value="cat"/></Choices>'
    made = f'<View><{tag} name="a" value="$body"/>{options}</View>'
    make_project(ada, made, title="Files")
    path = write(tmp_path / "a.csv", f"{about},body,label\nmeant,another,cat\n")
    load("csv", "--ground-truth", path, "-P", "Files")
    assert [data for data, _ in tasks()] == [{"body": "meant"}]
