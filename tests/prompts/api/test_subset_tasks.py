"""GET /api/projects/{id}/subset-tasks and what else shows how a run did."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from predictions.db import annotations
from predictions.models import Annotation, Project, Task
from prompts.asking import messages
from prompts.asking.outcome import Outcome
from prompts.db import items, prompts
from prompts.models import ModelRun, Prompt, PromptVersion
from prompts.runs import outcomes, start
from tests.conftest import TEXT_CONFIG, Caller, assert_invalid
from tests.evals.conftest import computed
from tests.prompts.conftest import MakeRun, MakeTasks, MakeVersion, path_of

pytestmark = pytest.mark.django_db


def said(sentiment: str) -> str:
    return (
        '[{"from_name": "sentiment", "to_name": "text", "type": "choices",'
        f' "value": {{"choices": ["{sentiment}"]}}}}]'
    )


@pytest.fixture
def ids(
    make_tasks: MakeTasks, text_project: Project, truth: Callable[[int, str], None]
) -> list[int]:
    found = make_tasks(text_project, "a", "b", "c", "d")
    for task_id, sentiment in zip(found, ["pos", "pos", "neg"], strict=False):
        truth(task_id, sentiment)
    return found


@pytest.fixture
def run(version: PromptVersion, make_run: MakeRun, ids: list[int]) -> ModelRun:
    """a and c right, b wrong, d failed."""
    run = make_run(version)
    batch = [Outcome(ids[0], result=said("pos"), prompt_tokens=10, inference_time=1.0)]
    batch += [Outcome(ids[1], result=said("neg"), prompt_tokens=20, inference_time=3.0)]
    batch += [Outcome(ids[2], result=said("neg"), total_cost=0.5)]
    batch += [Outcome(ids[3], error_type="Timeout", message="60 s")]
    outcomes.store(run.pk, batch)
    return run


def tasks(caller: Caller, run: ModelRun, query: str = "") -> list[dict[str, Any]]:
    prompt = run.model_version.parent_model_id
    url = f"/api/projects/{run.project_id}/subset-tasks?parent_model={prompt}{query}"
    response = caller.client.get(url)
    assert response.status_code == 200, response.json()
    found: list[dict[str, Any]] = response.json()["results"][0]["task_result_list"]
    return found


def test_the_page(ada: Caller, run: ModelRun, ids: list[int]) -> None:
    found = tasks(ada, run)
    assert [(t["id"], t["score"]) for t in found] == list(zip(ids, [1, 0, 1, None], strict=True))
    assert found[0]["prediction"]["model_run"] == run.pk
    assert found[0]["ground_truth"]["result"][0]["value"] == {"choices": ["pos"]}
    assert found[3]["error"]["message"] == "60 s"
    assert (found[3]["prediction"], found[0]["error"]) == (None, None)


FILTERS = [
    ("&project_subset=HasGT", [0, 1, 2]),
    ("&project_subset=Sample", [0, 1, 2, 3]),
    ("&output_class=neg", [1, 2]),
    ("&output_class=neg&output_from_name=other", []),
    ("&alignment_class=pos", [0, 1]),
    ("&alignment_class=pos&alignment_outcome=true_positive", [0]),
    ("&alignment_class=pos&alignment_outcome=false_negative", [1]),
    ("&alignment_class=neg&alignment_outcome=false_positive", [1]),
    ("&alignment_class=neg&alignment_outcome=true_positive&alignment_from_name=sentiment", [2]),
    ("&ordering=-id", [3, 2, 1, 0]),
    ("&ordering=-score&page_size=2", [0, 2]),
    ("&page_size=2&page=2", [2, 3]),
]


@pytest.mark.parametrize(("query", "expected"), FILTERS)
def test_filters(
    ada: Caller, run: ModelRun, ids: list[int], query: str, expected: list[int]
) -> None:
    assert [task["id"] for task in tasks(ada, run, query)] == [ids[n] for n in expected]


def test_of_a_run_and_of_versions(
    ada: Caller, run: ModelRun, ids: list[int], make_version: MakeVersion, make_run: MakeRun
) -> None:
    other = make_version(title="v2")
    second = make_run(other, project_subset="Custom", task_ids=[ids[0]])
    outcomes.store(second.pk, [Outcome(ids[0], result=said("neg"))])
    assert [task["id"] for task in tasks(ada, run, f"&model_run={second.pk}")] == [ids[0]]
    of_version = tasks(ada, run, f"&model_version={run.model_version_id}")
    assert of_version[0]["prediction"]["model_run"] == run.pk
    assert tasks(ada, run)[0]["prediction"]["model_run"] == second.pk
    both = f"&prediction_version_ids={run.model_version_id},{other.pk}"
    assert [task["id"] for task in tasks(ada, run, both)] == [ids[0]]


def test_of_several_ground_truths_the_newest_counts(
    ada: Caller, version: PromptVersion, make_run: MakeRun, ids: list[int], truth: Any
) -> None:
    """As in evaluations: `a` was corrected, and of `b` the correction was cancelled again."""
    truth(ids[0], "neg")
    truth(ids[1], "neg")
    Annotation.objects.filter(pk=Annotation.objects.latest("pk").pk).update(was_cancelled=True)
    run = make_run(version)
    outcomes.store(run.pk, [Outcome(task_id, result=said("pos")) for task_id in ids])
    run.refresh_from_db()
    assert (run.total_compared, run.total_correct_predictions, run.agreement_sum) == (3, 1, 1.0)
    found = tasks(ada, run)
    assert [task["score"] for task in found] == [0, 1, 0, None]
    truths = [task["ground_truth"] for task in found[:3]]
    shown = [one["result"][0]["value"]["choices"] for one in truths]
    assert shown == [["neg"], ["pos"], ["neg"]]
    missed = tasks(ada, run, "&alignment_class=pos&alignment_outcome=false_positive")
    assert [task["id"] for task in missed] == [ids[0], ids[2]], "of the last nothing is known"

    PromptVersion.objects.update(max_few_shot_examples=9)
    examples = ada.client.get(f"{path_of(version)}/few-shot-examples").json()
    assert [(one["task"], one["answer"]["sentiment"]) for one in examples] == [
        (ids[1], "pos"),
        (ids[2], "neg"),
        (ids[0], "neg"),
    ]


def test_a_class_is_the_same_under_each_of_its_names(
    ada: Caller, text_project: Project, version: PromptVersion, make_run: MakeRun, ids: list[int]
) -> None:
    """The evaluation of the same answers is the oracle."""
    aliased = TEXT_CONFIG.replace('value="pos"', 'value="Good" alias="pos"')
    Project.objects.filter(pk=text_project.pk).update(label_config=aliased)
    run = make_run(version, project_subset="HasGT")
    names = dict(zip(ids, ["Good", "pos", "Good"], strict=False))
    outcomes.store(run.pk, [Outcome(pk, result=said(name)) for pk, name in names.items()])
    run.refresh_from_db()
    assert (run.total_compared, run.total_correct_predictions, run.agreement_sum) == (3, 2, 2.0)
    text_project.refresh_from_db()
    evaluated = computed(ada, text_project, "Moods__v1")
    assert evaluated.summary is not None
    assert evaluated.summary["headline"]["primary"] == {
        "name": "accuracy",
        "value": 2 / 3,
        "higherIsBetter": True,
    }
    for name in ("Good", "pos"):
        found = tasks(ada, run, f"&output_class={name}&output_from_name=sentiment")
        assert [task["id"] for task in found] == ids[:3]
        assert [task["score"] for task in found] == [1.0, 1.0, 0.0]
        right = tasks(ada, run, f"&alignment_class={name}&alignment_outcome=true_positive")
        assert [task["id"] for task in right] == ids[:2]


def test_the_score_is_that_of_what_is_shown(ada: Caller, run: ModelRun, ids: list[int]) -> None:
    """Ground truths that were corrected, taken back and made after the run compared its answers."""
    first, second, _ = Annotation.objects.order_by("pk")
    first.result[0]["value"] = {"choices": ["neg"]}
    for changed in (first, second):
        body = {"result": first.result, "ground_truth": changed is first}
        url = f"/api/annotations/{changed.pk}/"
        assert ada.client.patch(url, body, format="json").status_code == 200
    found = tasks(ada, run)
    assert [task["score"] for task in found] == [0.0, None, 1.0, None]
    assert [task["ground_truth"] is None for task in found] == [False, True, False, True]
    run.refresh_from_db()
    assert (run.total_compared, run.total_correct_predictions) == (3, 2), "as they were compared"


def test_the_text_of_a_span_is_no_class(
    ada: Caller, make_project: Any, make_tasks: MakeTasks, prompt: Prompt, make_version: MakeVersion
) -> None:
    """An Apple and a Pear, each labelled as the other."""
    project = make_project(
        ada,
        '<View><Text name="text" value="$text"/><Labels name="fruit" toName="text">'
        '<Label value="Apple"/><Label value="Pear"/></Labels></View>',
        title="Fruit",
    )
    prompt.associated_projects.set([project])
    ids = make_tasks(project, "Apple", "Pear")
    run = start.create(
        {"project_id": project.pk, "project_subset": "All"}, make_version(), ada.access
    )
    for task_id, text, label in zip(ids, ("Apple", "Pear"), ("Pear", "Apple"), strict=True):
        value = {"start": 0, "end": len(text), "text": text, "labels": [label]}
        region = {"from_name": "fruit", "to_name": "text", "type": "labels", "value": value}
        outcomes.store(run.pk, [Outcome(task_id, result=json.dumps([region]))])
        right = [{**region, "value": {**value, "labels": [text]}}]
        annotations.create_annotation(task_id, {"result": right, "ground_truth": True}, ada.access)

    def found(query: str) -> list[int]:
        return [task["id"] for task in tasks(ada, run, query)]

    for name in ("", "&output_from_name=fruit"):
        assert found(f"&output_class=Apple{name}") == [ids[1]]
    expected = {"all": ids, "true_positive": [], "false_positive": ids[1:]}
    expected["false_negative"] = ids[:1]
    for outcome, those in expected.items():
        assert found(f"&alignment_class=Apple&alignment_outcome={outcome}") == those


REFUSED = [
    ("", {"parent_model": ["This field is required."]}),
    ("?parent_model=1&ordering=mood", None),
    ("?parent_model=1&prediction_version_ids=x", None),
    ("?parent_model=1&project_subset=Most", None),
    ("?parent_model=1&alignment_class=a&alignment_outcome=b", None),
    ("?parent_model=1&page_size=0", None),
    (
        "?parent_model=1&alignment_outcome=false_positive",
        {"alignment_outcome": ["Name alignment_class, too: without it all tasks would be listed."]},
    ),
    (
        "?parent_model=1&output_from_name=sentiment",
        {"output_from_name": ["Name output_class, too: without it all tasks would be listed."]},
    ),
]


@pytest.mark.parametrize(("query", "errors"), REFUSED)
def test_rejections(ada: Caller, text_project: Project, query: str, errors: Any) -> None:
    response = ada.client.get(f"/api/projects/{text_project.pk}/subset-tasks{query}")
    assert_invalid(response, errors or response.json().get("validation_errors"))


def test_measures(ada: Caller, run: ModelRun) -> None:
    found = ada.client.get(f"/api/inference-runs/{run.pk}/indicators/").json()
    values = {measure["title"]: measure["values"] for measure in found}
    assert values["Tasks"] == {"total": 4, "predicted": 3, "failed": 1, "open": 0}
    assert values["Agreement with ground truth"] == {"mean": 2 / 3, "correct": 2, "compared": 3}
    assert values["Tokens"] == {"prompt": 30, "completion": None, "total": 30}
    assert values["Cost (USD)"]["total"] == values["Cost (USD)"]["per_task"] == 0.5
    assert values["Latency (s)"]["mean"] == 2.0


def test_what_nobody_told_is_no_zero(
    ada: Caller, version: PromptVersion, make_run: MakeRun, ids: list[int]
) -> None:
    run, free = make_run(version), make_run(version)
    outcomes.store(run.pk, [Outcome(task, result=said("pos")) for task in ids])
    outcomes.store(free.pk, [Outcome(task, result=said("pos"), total_cost=0.0) for task in ids])
    values = {
        one: {
            measure["title"]: measure["values"]
            for measure in ada.client.get(f"/api/inference-runs/{one.pk}/indicators/").json()
        }
        for one in (run, free)
    }
    unknown = {"prompt": None, "completion": None}
    assert values[run]["Tokens"] == {**unknown, "total": None}
    assert values[run]["Cost (USD)"] == {**unknown, "total": None, "per_task": None}
    assert values[free]["Cost (USD)"] == {**unknown, "total": 0.0, "per_task": 0.0}


def test_a_later_run_takes_nothing_from_what_is_known_of_an_earlier_one(
    ada: Caller, run: ModelRun, ids: list[int], make_run: MakeRun
) -> None:
    """Its predictions are replaced; its measures, failures and totals are its own."""
    url = f"/api/inference-runs/{run.pk}/indicators/"
    before = ada.client.get(url).json()
    failed = f"/api/predictions/failed?model_run={run.pk}"
    failures = ada.client.get(failed).json()
    again = make_run(run.model_version)
    outcomes.store(again.pk, [Outcome(task, result=said("pos")) for task in ids])
    assert ada.client.get(url).json() == before
    assert ada.client.get(failed).json() == failures
    assert [failure["task"] for failure in failures] == [ids[3]]
    mended = tasks(ada, run)[3]
    assert (mended["prediction"]["model_run"], mended["error"]) == (again.pk, None)
    assert tasks(ada, run, f"&model_run={run.pk}")[3]["error"]["message"] == "60 s"


def test_a_completed_run_is_whole_though_a_task_was_deleted(
    ada: Caller, version: PromptVersion, make_run: MakeRun, ids: list[int]
) -> None:
    run = make_run(version)
    ada.client.delete(f"/api/tasks/{ids[0]}/")
    outcomes.store(run.pk, [Outcome(task, result=said("pos")) for task in ids])
    document = ada.client.get(f"{path_of(version)}/inference-runs/{run.pk}").json()
    assert (document["status"], document["progress"]) == ("Completed", 1.0)
    assert (document["total_tasks"], document["total_predictions"]) == (4, 3)


def test_regressions_and_running_again(
    ada: Caller, run: ModelRun, ids: list[int], make_version: MakeVersion, make_run: MakeRun
) -> None:
    later = make_run(make_version(title="v2"))
    sentiments = ["neg", "pos", "neg", "pos"]
    batch = [Outcome(i, result=said(s)) for i, s in zip(ids, sentiments, strict=True)]
    outcomes.store(later.pk, batch)
    url = f"/api/inference-runs/{later.pk}"
    assert ada.client.get(f"{url}/regressions/").json() == {
        "model_run": later.pk,
        "baseline": run.pk,
        "improved": 1,
        "regressed": 1,
        "unchanged": 1,
        "tasks": [{"task": ids[0], "before": 1.0, "after": 0.0}],
    }
    wanted = {"regressions": [ids[0]], "incorrect": [ids[0]], "failed": []}
    for mode, expected in wanted.items():
        again = ada.client.post(f"{url}/re-evaluate/", {"mode": mode}, format="json").json()
        assert (again["task_ids"], again["source_model_run"]) == (expected, later.pk)
    failed = f"/api/inference-runs/{run.pk}/re-evaluate/"
    again = ada.client.post(failed, {"mode": "failed"}, format="json").json()
    assert again["task_ids"] == [ids[3]]


def test_what_is_run_again_of_a_part_is_no_score(
    ada: Caller, run: ModelRun, ids: list[int], make_version: MakeVersion, make_run: MakeRun
) -> None:
    """Tasks that were wrong are not like the others; nor are those that a repeated retry is of."""

    def scores(of: ModelRun) -> tuple[float, float]:
        version = of.model_version
        prompt = ada.client.get(f"/api/prompts/{version.parent_model_id}/").json()
        return ada.client.get(f"{path_of(version)}/").json()["score"], prompt["best_score"]

    assert scores(run) == (2 / 3, 2 / 3)
    url = f"/api/inference-runs/{run.pk}/re-evaluate/"
    made = ada.client.post(url, {"mode": "incorrect"}, format="json").json()
    again = ModelRun.objects.get(pk=made["id"])
    repeated = start.repeat(again, ada.access)
    missing = make_run(run.model_version, only_missing_predictions=True, task_ids=[ids[3]],
                       project_subset="Custom")  # fmt: skip
    for part in (again, repeated):
        outcomes.store(part.pk, [Outcome(ids[1], result=said("pos"))])
        part.refresh_from_db()
        assert (part.status, part.total_compared, part.agreement_sum) == ("Completed", 1, 1.0)
    outcomes.store(missing.pk, [Outcome(ids[3], result=said("pos"))])
    assert scores(run) == (2 / 3, 2 / 3)
    later = make_run(make_version(title="v2"))
    batch = [Outcome(pk, result=said("neg")) for pk in ids]
    outcomes.store(later.pk, batch)
    compared = ada.client.get(f"/api/inference-runs/{later.pk}/regressions/").json()
    assert compared["baseline"] == run.pk
    outcomes.store(start.repeat(run, ada.access).pk, batch)
    assert scores(run) == (1 / 3, 2 / 3)
    alone = make_run(make_version(title="v3"), only_missing_predictions=True)
    outcomes.store(alone.pk, [Outcome(ids[2], result=said("neg"))])
    outcomes.store(alone.pk, [Outcome(pk, error_type="Timeout") for pk in ids])
    assert scores(alone) == (1.0, 2 / 3), "for want of others"


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        (
            {"mode": "failed", "task_ids": [1]},
            {"task_ids": ["Only for the mode custom, and this one is failed."]},
        ),
        (
            {"mode": "custom", "task_ids": [1], "baseline": 1},
            {"baseline": ["Only for the mode regressions, and this one is custom."]},
        ),
        (
            {"mode": "custom", "tasks": [1]},
            {"tasks": ["There is no such field: did you mean task_ids?"]},
        ),
    ],
)
def test_what_another_mode_needs_is_not_passed_over(
    ada: Caller, run: ModelRun, body: Any, errors: Any
) -> None:
    path = f"/api/inference-runs/{run.pk}/re-evaluate/"
    assert_invalid(ada.client.post(path, body, format="json"), errors)


def test_all_that_are_worse_are_run_again(
    ada: Caller,
    make_tasks: MakeTasks,
    text_project: Project,
    make_version: MakeVersion,
    make_run: MakeRun,
) -> None:
    """More than the answer names."""
    ids = make_tasks(text_project, *["x"] * 1001)
    before, later = (make_run(make_version(title=title)) for title in ("v1", "v2"))
    for run, agreed in ((before, 1.0), (later, 0.0)):
        outcomes.store(run.pk, [Outcome(i, result=said("pos")) for i in ids])
        items.set_agreements(run.pk, dict.fromkeys(ids, agreed))
    url = f"/api/inference-runs/{later.pk}"
    found = ada.client.get(f"{url}/regressions/?baseline={before.pk}").json()
    assert (found["regressed"], len(found["tasks"])) == (1001, 1000)
    body = {"mode": "regressions", "baseline": before.pk}
    again = ada.client.post(f"{url}/re-evaluate/", body, format="json").json()
    assert (again["task_ids"], again["total_tasks"]) == (ids, 1001)


def test_a_failure_agrees_in_nothing_before_and_after(
    ada: Caller, ids: list[int], make_version: MakeVersion, make_run: MakeRun
) -> None:
    """Of tasks with ground truth one failed before, one fails now, and one is still to be run."""
    before, later = (make_run(make_version(title=title)) for title in ("v1", "v2"))
    one, two, three = (Outcome(i, result=said("pos")) for i in ids[:3])
    failed = [Outcome(i, error_type="Timeout") for i in ids]
    outcomes.store(before.pk, [failed[0], two, replace(three, result=said("neg")), failed[3]])
    outcomes.store(later.pk, [one, failed[1]])
    found = ada.client.get(f"/api/inference-runs/{later.pk}/regressions/?baseline={before.pk}")
    assert found.json() == {
        "model_run": later.pk,
        "baseline": before.pk,
        "improved": 1,
        "regressed": 1,
        "unchanged": 0,
        "tasks": [{"task": ids[1], "before": 1.0, "after": 0.0}],
    }


def test_what_failed_twice_is_unchanged_where_it_has_ground_truth(
    ada: Caller, ids: list[int], make_version: MakeVersion, make_run: MakeRun
) -> None:
    later, again = (make_run(make_version(title=title)) for title in ("v2", "v3"))
    failed = [Outcome(pk, error_type="Timeout") for pk in ids]
    for one in (later, again):
        outcomes.store(one.pk, failed)
    url = f"/api/inference-runs/{again.pk}/regressions/?baseline={later.pk}"
    assert ada.client.get(url).json() == {
        "model_run": again.pk,
        "baseline": later.pk,
        "improved": 0,
        "regressed": 0,
        "unchanged": 3,
        "tasks": [],
    }


@pytest.mark.parametrize("ordering", ["score", "-score"])
def test_what_has_no_score_comes_last(
    ada: Caller,
    run: ModelRun,
    ids: list[int],
    prompt: Prompt,
    make_version: MakeVersion,
    make_run: MakeRun,
    ordering: str,
) -> None:
    unknown, worse = make_version(title="v2"), make_version(title="v3")
    later = make_run(worse)
    outcomes.store(later.pk, [Outcome(task_id, result=said("neg")) for task_id in ids])
    by_score = [worse.pk, run.model_version_id]
    expected = [*(by_score if ordering == "score" else reversed(by_score)), unknown.pk]
    found = ada.client.get(f"/api/prompts/{prompt.pk}/versions?ordering={ordering}").json()
    assert [version["id"] for version in found] == expected
    other = prompts.create_prompt({"title": "Never run"}, ada.access)
    listed = ada.client.get("/api/prompts/?ordering=-best_score").json()["results"]
    assert [one["id"] for one in listed] == [prompt.pk, other.pk]


def test_counts_and_previews(ada: Caller, run: ModelRun, ids: list[int]) -> None:
    base = path_of(run.model_version)
    counted = ada.client.get(f"{base}/prediction-count?project_subset=All").json()
    assert counted == {"existing_predictions": 3, "tasks_to_run": 1, "total_tasks": 4}
    preview = ada.client.get(f"{base}/prompt-preview?task={ids[1]}").json()
    assert preview["messages"][1] == {"role": "user", "content": "Which mood has this review? b"}
    assert ada.client.get(f"{base}/cost-estimate").json()["error_type"] == "PriceUnknown"


def set_prices(version: PromptVersion) -> None:
    """1,000 USD for a million tokens of the prompt, 2,000 for one of the answer."""
    row = version.model_provider_connection
    assert row is not None
    row.prompt_price_usd_per_million, row.completion_price_usd_per_million = 1000.0, 2000.0
    row.save()


def test_a_cost_estimate(
    ada: Caller, our_version: PromptVersion, run: ModelRun, text_project: Project
) -> None:
    """Four bytes a token: the prompt with what it shows of a task, and the schema; 30 an answer."""
    set_prices(our_version)
    Task.objects.update(data={"text": "a", "other": "x" * 10_000})
    sent = len("Which mood has this review? a") + messages.instructions_bytes(TEXT_CONFIG)
    prompt_usd = 4 * math.ceil(sent / 4) * 1000 / 1e6
    for query in ("", f"?project_id={text_project.pk}&project_subset=All"):
        assert ada.client.get(f"{path_of(our_version)}/cost-estimate{query}").json() == {
            "prompt_cost_usd": f"{prompt_usd:.6f}",
            "completion_cost_usd": "0.240000",
            "total_cost_usd": f"{prompt_usd + 0.24:.6f}",
            "is_error": False,
            "error_type": None,
            "error_message": None,
        }
    # Two examples are sent with each task: the prompt with their data, and what is true.
    our_version.max_few_shot_examples = 2
    our_version.save()
    shown = [f"{our_version.prompt.replace('{text}', t)}" for t in "ab"]
    sent += sum(len(text) for text in shown) + 2 * len('{"sentiment": "pos"}')
    found = ada.client.get(f"{path_of(our_version)}/cost-estimate").json()
    assert found["prompt_cost_usd"] == f"{4 * math.ceil(sent / 4) * 1000 / 1e6:.6f}"


def test_the_cost_of_what_lies_deeper_in_the_data(
    ada: Caller, our_version: PromptVersion, run: ModelRun, text_project: Project
) -> None:
    set_prices(our_version)
    config = TEXT_CONFIG.replace("$text", "$post.body")
    Project.objects.filter(pk=text_project.pk).update(label_config=config)
    PromptVersion.objects.update(prompt="Mood?")
    Task.objects.update(data={"post": {"body": "x" * 10_000}})
    sent = len("Mood?\n\npost.body: ") + 10_000 + messages.instructions_bytes(config)
    found = ada.client.get(f"{path_of(our_version)}/cost-estimate").json()
    assert found["prompt_cost_usd"] == f"{4 * math.ceil(sent / 4) * 1000 / 1e6:.6f}"


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ("cost-estimate?project=1", "project_id"),
        ("cost-estimate?subset=HasGT", "project_subset"),
        ("prediction-count?project_id=1", "project"),
        ("prompt-preview?task_id=1", "task"),
        ("few-shot-examples?project_id=1", "project"),
    ],
)
def test_a_parameter_that_is_not_read_is_refused(
    ada: Caller, our_version: PromptVersion, query: str, meant: str
) -> None:
    """What is told would be of the prompt's first project, or of all tasks."""
    name = query.partition("?")[2].partition("=")[0]
    response = ada.client.get(f"{path_of(our_version)}/{query}")
    assert_invalid(response, {name: [f"There is no such parameter: did you mean {meant}?"]})


def test_what_costs_next_to_nothing_is_not_told_as_nothing(
    ada: Caller, our_version: PromptVersion, run: ModelRun
) -> None:
    row = our_version.model_provider_connection
    assert row is not None
    row.prompt_price_usd_per_million, row.completion_price_usd_per_million = 0.0, 0.001
    row.save()
    found = ada.client.get(f"{path_of(our_version)}/cost-estimate").json()
    assert (found["prompt_cost_usd"], found["total_cost_usd"]) == ("0.000000", "0.00000012")


def test_examples_in_the_order_one_says(
    ada: Caller, run: ModelRun, version: PromptVersion, ids: list[int]
) -> None:
    url = f"{path_of(version)}/few-shot-examples"
    assert ada.client.get(url).json() == [], "none unless max_few_shot_examples says so"
    PromptVersion.objects.update(max_few_shot_examples=2)
    oldest = [
        {"task": ids[0], "data": {"text": "a"}, "answer": {"sentiment": "pos"}},
        {"task": ids[1], "data": {"text": "b"}, "answer": {"sentiment": "pos"}},
    ]
    assert ada.client.get(url).json() == oldest
    third = {"task": ids[2], "data": {"text": "c"}, "answer": {"sentiment": "neg"}}
    body = {"task_ids": [ids[2], ids[0], ids[2]]}
    ordered = ada.client.post(f"{url}/reorder", body, format="json")
    assert (ordered.status_code, ordered.json()) == (200, [third, oldest[0]])
    preview = ada.client.get(f"{path_of(version)}/prompt-preview?task={ids[0]}").json()
    assert [message["content"] for message in preview["messages"][1:]] == [
        "Which mood has this review? c",
        '{"sentiment": "neg"}',
        "Which mood has this review? a",
    ], "never the task itself"
    unknown = ada.client.post(f"{url}/reorder", {"task_ids": [ids[3], ids[0]]}, format="json")
    message = f"No task with a ground-truth annotation: {ids[3]}."
    assert_invalid(unknown, {"task_ids": [message]})
    assert ada.client.get(url).json() == [third, oldest[0]]
    again = ada.client.post(f"{url}/reorder", {"task_ids": None}, format="json")
    assert again.json() == oldest


@pytest.mark.parametrize("n", [1, 50])
def test_statements_do_not_grow(
    ada: Caller,
    version: PromptVersion,
    make_tasks: MakeTasks,
    text_project: Project,
    make_run: MakeRun,
    make_version: MakeVersion,
    n: int,
    django_assert_num_queries: Any,
) -> None:
    found = make_tasks(text_project, *["x"] * n)
    for number in range(3 if n > 1 else 1):
        run = make_run(make_version(title=f"w{number}"))
        outcomes.store(run.pk, [Outcome(task, result=said("pos")) for task in found])
    prompt = version.parent_model_id
    with django_assert_num_queries(4):
        ada.client.get(f"/api/projects/{text_project.pk}/subset-tasks?parent_model={prompt}")
    with django_assert_num_queries(4):
        ada.client.get("/api/prompts/")
    with django_assert_num_queries(4):
        ada.client.get(f"/api/prompts/{prompt}/versions")
