"""The CI gate of the examples, run as a build runs it, against a live server.

On the test split v1 has mAP 0.502 and finds one of two Cars and the Person, v2 finds everything.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.utils.timezone import now
from gate import _has_fallen, _is_beyond
from gate_report import escaped, probability, texts

from evals.jobs import run
from evals.models import ModelEval
from predictions.models import Annotation, Project, Task
from tests.conftest import TEXT_CONFIG, Caller, MakeProject
from tests.contract.conftest import address, unbuffered_sockets
from tests.evals.conftest import CAR, box, computed, load, task, tasks
from tests.evals.draws import counted, significance

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

__all__ = ["address", "unbuffered_sockets"]

GATE = Path(__file__).resolve().parents[2] / "examples" / "ci_gate" / "gate.py"
WITHIN_S = 60
NUMBERS = '<View><Text name="text" value="$text"/><Number name="answer" toName="text"/></View>'
ENTITIES = (
    '<View><Text name="text" value="$text"/><Labels name="label" toName="text">'
    '<Label value="PER"/></Labels></View>'
)
MAP = pytest.approx((51 / 101 + 0.5) / 2)


@dataclass
class Outcome:
    """What a run of the gate left."""

    code: int
    output: str
    report: Any
    comment: str


@dataclass
class Build:
    """Runs the gate over the project, its evaluations computed by this process meanwhile."""

    environment: dict[str, str]
    folder: Path

    def __call__(self, version: str, *options: str) -> Outcome:
        report, comment = self.folder / "report.json", self.folder / "comment.md"
        for file in (report, comment):
            file.unlink(missing_ok=True)
        command = [sys.executable, str(GATE), "--project", "cars", "--model-version", version]
        process = subprocess.Popen(
            [*command, "--json", str(report), "--markdown", str(comment), *options],
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        deadline = time.monotonic() + WITHIN_S
        while process.poll() is None:
            assert time.monotonic() < deadline
            for pk in ModelEval.objects.filter(status="running").values_list("pk", flat=True):
                run.run(pk)
            time.sleep(0.05)
        output = process.communicate()[0]
        if not report.exists():
            return Outcome(process.returncode, output, None, "")
        return Outcome(
            process.returncode, output, json.loads(report.read_text()), comment.read_text()
        )


@pytest.fixture
def project(ada: Caller, make_project: MakeProject) -> Project:
    made = make_project(ada)
    load(ada, made, tasks())
    return made


@pytest.fixture
def build(address: str, ada: Caller, project: Project, tmp_path: Path) -> Build:
    environment = {"EVALUATION_URL": address, "EVALUATION_API_KEY": ada.key}
    return Build(environment, tmp_path)


def accept(caller: Caller, evaluation: ModelEval) -> None:
    path = f"/lab/model-evals/{evaluation.eval_id}"
    assert caller.client.patch(path, {"accepted": True}, format="json").status_code == 200


def test_without_a_baseline_only_the_least_map_decides(build: Build) -> None:
    first = build("v1")
    assert (first.code, first.report["baseline"], first.report["verdict"]) == (0, None, "good")
    assert first.output.endswith("against nothing: good\n")
    least = build("v1", "--min-map", "0.6")
    assert least.code == 1
    assert least.report["reasons"] == ["mAP 0.502 is below 0.600"]
    assert least.report["metric"] == {
        **first.report["metric"],
        "limit": 0.6,
        "now": MAP,
        "baseline": None,
        "isWorse": True,
    }
    assert least.output.splitlines()[0].endswith("- -> 0.502  WORSE")
    enough = build("v1", "--min-map", "0.5")
    assert (enough.code, enough.report["metric"]["isWorse"]) == (0, False)


def test_a_failed_build_is_not_the_measure_of_its_retry(
    build: Build, ada: Caller, project: Project
) -> None:
    accepted = computed(ada, project, "v2")
    accept(ada, accepted)
    computed(ada, project, "v1")

    for _ in range(2):
        worse = build("v1")
        made = ModelEval.objects.latest("pk").eval_id
        assert worse.code == 1, worse.output
        assert worse.report == {
            "project": "cars",
            "modelVersion": "v1",
            "evaluation": made,
            "baseline": {"evaluation": accepted.eval_id, "modelVersion": "v2"},
            "split": "test",
            "confidence": 20,
            "metric": {
                "higherIsBetter": True,
                "name": "mAP",
                "limit": None,
                "now": MAP,
                "baseline": 1.0,
                "allowedDrop": 0.01,
                "isWorse": True,
            },
            "classes": [
                {
                    "class": "Car",
                    "objects": 2,
                    "now": 0.5,
                    "baseline": 1.0,
                    "allowedDrop": 0.1,
                    "isWorse": True,
                },
                {
                    "class": "Person",
                    "objects": 1,
                    "now": 1.0,
                    "baseline": 1.0,
                    "allowedDrop": 0.1,
                    "isWorse": False,
                },
            ],
            "reasons": [
                "mAP fell from 1.000 to 0.502, by more than 0.01",
                "recall of Car fell from 1.000 to 0.500, by more than 0.1",
            ],
            "code": 1,
            "verdict": "worse",
        }
    assert worse.output.splitlines() == [
        "mAP                                       1.000 -> 0.502  WORSE",
        "recall of Car                        2    1.000 -> 0.500  WORSE",
        "recall of Person                     1    1.000 -> 1.000",
        "mAP fell from 1.000 to 0.502, by more than 0.01",
        "recall of Car fell from 1.000 to 0.500, by more than 0.1",
        f"v1 ({made}) against v2 ({accepted.eval_id}): worse",
    ]
    assert worse.comment == (
        f"**v1 \\({made}\\) against v2 \\({accepted.eval_id}\\)&#58; worse**\n\n"
        "- mAP fell from 1.000 to 0.502, by more than 0.01\n"
        "- recall of Car fell from 1.000 to 0.500, by more than 0.1\n\n"
        "On the test split, recall at 20 %.\n\n"
        "| | objects | baseline | now | |\n"
        "| --- | ---: | ---: | ---: | --- |\n"
        "| mAP |  | 1.000 | 0.502 | WORSE |\n"
        "| recall of Car | 2 | 1.000 | 0.500 | WORSE |\n"
        "| recall of Person | 1 | 1.000 | 1.000 |  |\n"
    )
    assert build("v2").code == 0


def test_tolerances(build: Build, ada: Caller, project: Project) -> None:
    accept(ada, computed(ada, project, "v2"))
    generous = ("--max-drop-map", "0.5")

    few = build("v1", *generous, "--max-drop-recall-few", "0.5", "--max-drop-recall", "0")
    assert few.code == 0, few.output
    many = build("v1", *generous, "--max-drop-recall-few", "0.5", "--few-objects", "2")
    assert many.report["reasons"] == ["recall of Car fell from 1.000 to 0.500, by more than 0.01"]
    high = build("v1", *generous, "--confidence", "70", "--max-drop-recall-few", "0.6")
    assert high.report["confidence"] == 70
    assert [(c["class"], c["now"], c["baseline"]) for c in high.report["classes"]] == [
        ("Car", 0.5, 1.0),
        ("Person", 0.0, 0.0),
    ]
    train = build("v1", "--split", "train")
    assert train.report["reasons"] == [
        "mAP fell from 1.000 to 0.000, by more than 0.01",
        "recall of Car fell from 1.000 to 0.000, by more than 0.1",
    ]


def test_a_kind_without_map_goes_by_its_own_error(
    build: Build, ada: Caller, make_project: MakeProject
) -> None:
    made = make_project(ada, NUMBERS, title="Answers")
    number = {"from_name": "answer", "to_name": "text", "type": "number"}
    item = {
        "data": {"text": "ten"},
        "annotations": [{"result": [{**number, "value": {"number": 10}}], "ground_truth": True}],
        "predictions": [
            {"result": [{**number, "value": {"number": said}}], "model_version": version}
            for version, said in (("v1", 14), ("v2", 11))
        ],
    }
    load(ada, made, [item])
    accept(ada, computed(ada, made, "v2"))
    options = ("--project", made.slug, "--max-drop-recall-few", "1")

    worse = build("v1", *options)
    reason = "meanAbsoluteError rose from 1.000 to 4.000, by more than 0.01"
    assert (worse.code, worse.report["reasons"]) == (1, [reason])
    assert worse.report["metric"]["answered"] == "1 of 1 tasks"
    assert build("v1", *options, "--max-worse", "3").code == 0
    limited = build("v2", *options, "--score-limit", "0.5")
    assert limited.report["reasons"] == ["meanAbsoluteError 1.000 is above 0.500"]
    assert limited.report["metric"]["isWorse"] is True


@pytest.mark.parametrize("confidence", ["20", "60"])
def test_spans_go_by_the_f1_of_all_predictions(
    build: Build, ada: Caller, make_project: MakeProject, confidence: str
) -> None:
    """What named entities are known by, and not the F1 of a confidence, which was 1 of both."""
    made = make_project(ada, ENTITIES, title="Entities")
    span = {"from_name": "label", "to_name": "text", "type": "labels"}
    found = {**span, "value": {"start": 0, "end": 3, "labels": ["PER"]}}
    wrong = {**span, "value": {"start": 4, "end": 7, "labels": ["PER"]}}
    item = {
        "data": {"text": "Ada and Eve"},
        "annotations": [{"result": [found], "ground_truth": True}],
        "predictions": [
            {"result": [{**found, "score": 0.9}], "model_version": "v1"},
            {
                "result": [{**found, "score": 0.9}, {**wrong, "score": 0.1}],
                "model_version": "v2",
            },
        ],
    }
    load(ada, made, [item])
    accept(ada, computed(ada, made, "v1"))

    worse = build("v2", "--project", made.slug, "--confidence", confidence)
    assert worse.report["reasons"] == ["f1 fell from 1.000 to 0.667, by more than 0.01"]


@pytest.mark.parametrize(("kind", "said"), [("Number", 10), ("Rating", 4)])
def test_an_error_of_answered_tasks_alone_says_so(
    build: Build, ada: Caller, make_project: MakeProject, kind: str, said: int
) -> None:
    """A version that answers two tasks of three, and those right, was good without a word."""
    made = make_project(ada, NUMBERS.replace("Number", kind), title="Few")
    word = kind.lower()
    region = {"from_name": "answer", "to_name": "text", "type": word}
    items: list[Any] = [
        {
            "data": {"text": f"{n}"},
            "annotations": [{"result": [{**region, "value": {word: value}}], "ground_truth": True}],
            "predictions": [
                {"result": [{**region, "value": {word: value}}], "model_version": version}
                for version in (("v1", "v2") if value != 2 else ("v1",))
            ],
        }
        for n, value in enumerate((said, 1, 2))
    ]
    load(ada, made, items)
    accept(ada, computed(ada, made, "v1"))
    limits = ("--max-drop-recall-few", "1", "--max-worse", "1")
    found = build("v2", "--project", made.slug, *limits)
    assert found.code == 0
    assert found.report["metric"]["answered"] == "2 of 3 tasks"
    assert found.report["baseline"]["answered"] == "3 of 3 tasks"
    assert " with answers to 2 of 3 tasks against " in found.output
    assert " with answers to 3 of 3 tasks: good" in found.output


def test_named_baselines(build: Build, ada: Caller, project: Project) -> None:
    accept(ada, computed(ada, project, "v2"))
    old, new = computed(ada, project, "v1"), computed(ada, project, "v1")

    for named, meant in ((old.eval_id, old), ("v1", new)):
        found = build("v2", "--baseline", named)
        assert (found.code, found.report["baseline"]["evaluation"]) == (0, meant.eval_id)
    # Its own version: the newest one before.
    same = build("v1", "--baseline", "v1")
    assert (same.code, same.report["metric"]["baseline"]) == (0, MAP)
    Annotation.objects.filter(project=project).update(updated_at=now())
    later = build("v1", "--baseline", old.eval_id)
    told = {"evaluation": old.eval_id, "modelVersion": "v1", "olderGroundTruth": True}
    assert (later.code, later.report["baseline"]) == (0, told)
    assert "(of older ground truth: re-evaluate it): good" in later.output
    now_v1 = computed(ada, project, "v1")
    Annotation.objects.filter(project=project).latest("id").delete()
    fewer = build("v1", "--baseline", now_v1.eval_id)
    assert fewer.report["baseline"] == told | {"evaluation": now_v1.eval_id}
    # As many, of the same moment, but in another split.
    older = computed(ada, project, "v1")
    Task.objects.filter(project=project, annotations__isnull=False).update(meta={"split": "test"})
    moved = build("v1", "--baseline", older.eval_id)
    assert moved.report["baseline"] == told | {"evaluation": older.eval_id}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"task_type": "instance-segmentation"},
            "{id} cannot be compared: it has another taskType.",
        ),
        ({"ground_truth": "all"}, "{id} cannot be compared: it has another groundTruth."),
        ({"iou_threshold": 0.75}, "{id} cannot be compared: it has another iouThreshold."),
        ({"options": {"query": {}}}, "{id} cannot be compared: it has another query."),
        ({"options": {"classes": [CAR]}}, "{id} cannot be compared: it has another askedClasses."),
        ({"control": None}, "{id} cannot be compared: it has another control."),
        (
            {"status": "running", "lease_owner": UUID(int=1), "lease_until": "2999-01-01T00:00Z"},
            "The baseline {id} is running.",
        ),
        ({"status": "failed"}, "The baseline {id} is failed."),
    ],
)
def test_what_cannot_be_compared(
    build: Build, ada: Caller, project: Project, changes: dict[str, Any], reason: str
) -> None:
    other = computed(ada, project, "v2")
    ModelEval.objects.update(**changes)

    found = build("v1", "--baseline", other.eval_id)
    text = reason.format(id=other.eval_id)
    assert (found.code, found.output) == (2, f"cannot tell: {text}\n")
    assert found.report == {"reasons": [text], "code": 2, "verdict": "unknown"}
    assert found.comment == f"**{escaped(f'cannot tell: {text}')}**\n"


def test_a_version_that_other_projects_have_as_well(
    build: Build, ada: Caller, project: Project, make_project: MakeProject
) -> None:
    meant, other = computed(ada, project, "v2"), make_project(ada, title="Another")
    rows = [ModelEval.objects.get(pk=meant.pk) for _ in range(200)]
    for n, one in enumerate(rows):
        one.pk, one.eval_id, one.project = None, f"{n:020}", other
    ModelEval.objects.bulk_create(rows)
    found = build("v1", "--baseline", "v2")
    assert found.report["baseline"]["evaluation"] == meant.eval_id
    # Nobody means the newest by a variable that is empty.
    unset = build("v1", "--baseline", "")
    assert (unset.code, unset.report["verdict"]) == (2, "unknown")


def test_another_project_is_no_baseline(
    build: Build, ada: Caller, make_project: MakeProject
) -> None:
    other = make_project(ada, title="Another")
    load(ada, other, tasks())
    found = build("v1", "--baseline", computed(ada, other, "v1").eval_id)
    assert (found.code, found.report["reasons"][0].split(": ")[1]) == (2, "it has another project.")


def test_an_accepted_one_of_another_kind_is_no_baseline(
    build: Build, ada: Caller, project: Project
) -> None:
    accept(ada, computed(ada, project, "v2", taskType="instance-segmentation"))
    found = build("v1")
    assert (found.code, found.report["baseline"]) == (0, None)


@pytest.mark.parametrize(
    ("asked", "differing"),
    [
        ({"iouThreshold": 0.75}, "iouThreshold"),
        ({"groundTruth": "all"}, "groundTruth"),
        ({"classes": [CAR]}, "askedClasses"),
        ({"labelMap": {CAR: None}}, "labelMap"),
        ({"query": {"selectedItems": {"all": True, "excluded": []}}}, "query"),
    ],
)
def test_an_accepted_one_that_measured_otherwise_is_told(
    build: Build, ada: Caller, project: Project, asked: dict[str, Any], differing: str
) -> None:
    accepted = computed(ada, project, "v2", **asked)
    accept(ada, accepted)
    found = build("v1")
    text = f"cannot tell: {accepted.eval_id} cannot be compared: it has another {differing}.\n"
    assert (found.code, found.output) == (2, text)


def test_an_accepted_one_of_a_config_that_meant_something_else_is_told(
    build: Build, ada: Caller, make_project: MakeProject
) -> None:
    config = TEXT_CONFIG.replace("<Choices", '<Choices choice="multiple"')
    made = make_project(ada, config, title="Moods")
    value = {"choices": ["pos"]}
    answer = [{"from_name": "sentiment", "to_name": "text", "type": "choices", "value": value}]
    item = {
        "data": {"text": "a"},
        "annotations": [{"result": answer, "ground_truth": True}],
        "predictions": [{"result": answer, "model_version": "v1"}],
    }
    load(ada, made, [item])
    accepted = computed(ada, made)
    accept(ada, accepted)
    body = {"label_config": TEXT_CONFIG}
    answered = ada.client.patch(f"/api/projects/{made.pk}/", body, format="json")
    assert answered.status_code == 200
    found = build("v1", "--project", made.slug)
    text = f"cannot tell: {accepted.eval_id} cannot be compared: it has another labelConfig.\n"
    assert (found.code, found.output) == (2, text)


def test_ids_of_images_that_went_to_other_tasks_are_told(
    build: Build, ada: Caller, project: Project
) -> None:
    accepted = computed(ada, project)
    accept(ada, accepted)
    first, second = project.tasks.order_by("pk")[:2]
    for one, other in ((first, second), (second, first)):
        project.tasks.filter(pk=one.pk).update(meta={"image_id": str(other.pk)})
    found = build("v2")
    text = f"cannot tell: {accepted.eval_id} cannot be compared: it has another imageIds.\n"
    assert (found.code, found.output) == (2, text)


ANY_DROP = ("--max-drop-map", "1", "--max-drop-recall", "1", "--max-drop-recall-few", "1")


def test_what_chance_explains_is_not_worse(build: Build, ada: Caller, project: Project) -> None:
    """Of 20 images `few` misses one and `many` misses ten."""
    car, seen = box(CAR, 10, 10, 20, 20), [box(CAR, 10, 10, 20, 20, 0.9)]
    missed = {"few": 1, "many": 10, "all": 0}
    said = [{name: seen if n >= m else [] for name, m in missed.items()} for n in range(20)]
    load(ada, project, [task(f"i{n}", truth=[car], said=one) for n, one in enumerate(said)])
    old = computed(ada, project, "all")
    accept(ada, old)

    few = build("few", *ANY_DROP, "--fail-if-significantly-worse", "f1", "recall")
    assert few.code == 0, few.output
    many = build("many", *ANY_DROP, "--fail-if-significantly-worse")
    assert many.code == 1, many.output
    base = counted(*[(0, 0, 1), (0, 0, 2)], *[(1, 0, 0)] * 20)
    other = counted(*[(0, 0, 1), (0, 0, 2)], *[(0, 0, 1)] * 10, *[(1, 0, 0)] * 10)
    expected = significance(base, other)
    assert many.report["changes"] == [
        {"score": shown, **expected[name], "isWorse": name == "f1"}
        for name, shown in (("precision", "precision"), ("recall", "recall"), ("f1", "F1"))
    ]
    (reason,) = many.report["reasons"]
    assert reason.startswith("F1 fell by 0.")
    assert reason.endswith(f"by chance with p {many.report['changes'][2]['pValue']:.4f}")
    assert "| change of F1, p 0.0" in many.comment
    # Not asked for, what fell is what the other options say.
    assert build("many", *ANY_DROP).report.get("changes") is None
    precision = build("many", *ANY_DROP, "--fail-if-significantly-worse", "precision")
    assert (precision.code, len(precision.report["changes"])) == (0, 3)


def test_chance_needs_images_in_common(build: Build, ada: Caller, project: Project) -> None:
    old = computed(ada, project, "v2")
    Task.objects.filter(project=project).delete()
    load(ada, project, tasks())
    found = build("v1", "--baseline", old.eval_id, "--fail-if-significantly-worse")
    assert found.code == 2
    assert found.report["reasons"][0].endswith("have 0 images in common.")


def test_accepts_what_is_good(build: Build, ada: Caller, project: Project) -> None:
    first = build("v2", "--accept")
    assert (first.code, first.report["accepted"]) == (0, True)
    assert build("v1", "--accept").code == 1
    (accepted,) = ModelEval.objects.filter(is_accepted=True)
    assert accepted.eval_id == first.report["evaluation"]


def test_asks_for_control_and_ground_truth(build: Build, project: Project) -> None:
    Annotation.objects.update(ground_truth=False)
    assert build("v1").code == 2
    assert build("v1", "--ground-truth", "all", "--control", "label").code == 0
    made = ModelEval.objects.get()
    assert (made.ground_truth, made.asked) == ("all", {"task_type": None, "control": "label"})


def test_cannot_tell(build: Build, address: str) -> None:
    unknown = build("v9")
    assert unknown.code == 2
    assert "no predictions of version 'v9'" in unknown.output
    nothing = build("v1", "--baseline", "v7")
    assert (nothing.code, nothing.report["reasons"]) == (
        2,
        ["There is no finished evaluation v7, or of a version of that name."],
    )
    absent = build("v1", "--baseline", "x" * 20)
    assert (absent.code, absent.report["reasons"]) == (
        2,
        [f"There is no finished evaluation {'x' * 20}, or of a version of that name."],
    )
    for environment in (
        {**build.environment, "EVALUATION_API_KEY": "0" * 40},
        {**build.environment, "EVALUATION_URL": "http://127.0.0.1:9"},
    ):
        assert Build(environment, build.folder)("v1").report["verdict"] == "unknown"
    for option in (("--min-map", "-1"), ("--max-drop-map", "nan"), ("--split", "all")):
        wrong = build("v1", *option)
        assert (wrong.code, wrong.report) == (2, None)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Car", "Car"),
        ("a|b\n\nc", "a&#124;b c"),
        ("[x](http://evil)", "\\[x\\]\\(http&#58;//evil\\)"),
        ("<img src=x> & @team", "&lt;img src=x&gt; &amp; &#64;team"),
        ("**_`~#!$\\", "\\*\\*\\_\\`\\~\\#\\!\\$\\\\"),
        ("www.evil.com", "www&#46;evil.com"),
    ],
)
def test_names_are_text_in_a_comment(name: str, text: str) -> None:
    assert escaped(name) == text


ERROR: dict[str, Any] = {"higherIsBetter": False}


@pytest.mark.parametrize(
    ("values", "of", "written"),
    [
        ([0.5, None], None, ["0.500", "-"]),
        ([0.0, 1.0], None, ["0.000", "1.000"]),
        ([0.7004, 0.7001], None, ["0.7004", "0.7001"]),
        ([0.9996, 0.0004], None, ["0.9996", "0.0004"]),
        ([0.00012, 0.0004], ERROR, ["0.00012", "0.00040"]),
        ([1234567.25, 1234567.75], ERROR, ["1234567.250", "1234567.750"]),
        ([1e-13, 2e-13], ERROR, ["1e-13", "2e-13"]),
        ([0.0123456], ERROR, ["0.01235"]),
        ([-0.0], None, ["0.000"]),
        ([-0.0003], None, ["-0.0003"]),
        ([-0.9996], None, ["-0.9996"]),
        ([-1.0, -0.00002, 0.3], None, ["-1.00000", "-0.00002", "0.30000"]),
    ],
)
def test_numbers_that_differ_read_differently(
    values: list[float | None], of: dict[str, Any] | None, written: list[str]
) -> None:
    assert texts(values, of=of) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.25, "0.2500"),
        (0.99996, "0.99996"),
        (0.05, "0.0500"),
        (0.04999, "0.04999"),
        (0.00002, "0.00002"),
        (0, "0.0000"),
    ],
)
def test_a_probability_reads_as_neither_none_nor_the_limit(value: float, written: str) -> None:
    assert probability(value) == written


@pytest.mark.parametrize("page", ["docs/guides/ci-gate.md", "examples/ci_gate/README.md"])
def test_the_files_that_a_page_names_run_in_another_folder(page: str, tmp_path: Path) -> None:
    text = (GATE.parents[2] / page).read_text()
    (copied,) = re.findall(r"copy\s(.*?)\sinto\sone\sfolder", text, re.DOTALL)
    for name in re.findall(r"`(\w+\.py)`", copied):
        shutil.copy(GATE.with_name(name), tmp_path)
    # -S: without installed packages.
    command = [sys.executable, "-S", str(tmp_path / "gate.py"), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--fail-if-significantly-worse" in done.stdout


def test_an_error_in_a_tiny_unit_rises() -> None:
    risen = {**ERROR, "baseline": 1.2e-10, "now": 4e-10, "allowedDrop": 0.0, "limit": 2e-10}
    assert (_has_fallen(risen), _is_beyond(risen)) == (True, True)
    fallen = {**risen, "baseline": 4e-10, "now": 1.2e-10}
    assert (_has_fallen(fallen), _is_beyond(fallen)) == (False, False)
    by_rounding = {**risen, "baseline": 0.3, "now": 0.1 + 0.2, "limit": 0.3}
    assert (_has_fallen(by_rounding), _is_beyond(by_rounding)) == (False, False)
