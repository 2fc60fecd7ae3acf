"""The pages of an evaluation at the desk: who sees them, what they cost, who may change what."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from evals.models import ModelEval
from predictions.models import Project
from tests.conftest import Caller, MakeProject
from tests.evals.conftest import box, computed, load, task
from tests.evals.desk.conftest import LIST, page

NUMBERS = '<View><Text name="text" value="$text"/><Number name="answer" toName="text"/></View>'

pytestmark = pytest.mark.usefixtures("kept")

ACCEPT, BACK = "Accept as baseline", "Take acceptance back"
CANCEL = "Cancel this evaluation"
PAGES = ("", "metrics/", "matrix/", "images/", "vectors/", "recommendations/", "diff/")
DATA = ("numbers", "curves", "f1", "cards?position=0")


@pytest.mark.parametrize("path", [*PAGES, *(f"data/{name}" for name in DATA)])
def test_who_sees_a_page(desks: dict[str, Client], evaluation: ModelEval, path: str) -> None:
    everybody = {"owner": 200, "member": 200, "reader": 200, "root": 200}
    expected = {**everybody, "stranger": 404, "anonymous": 302}

    answers = {name: desks[name].get(page(evaluation, path)).status_code for name in expected}
    assert answers == expected
    unknown = desks["reader"].get(f"{LIST}{'x' * 20}/{path}")
    assert unknown.status_code == 404


def test_the_page_of_an_image(
    desks: dict[str, Client], evaluation: ModelEval, task_ids: list[int]
) -> None:
    path = page(evaluation, f"images/{task_ids[0]}/")

    assert desks["reader"].get(path).status_code == 200
    assert desks["stranger"].get(path).status_code == 404
    assert desks["reader"].get(page(evaluation, "images/unknown/")).status_code == 404


@pytest.mark.parametrize(
    ("who", "status"),
    [("owner", 302), ("member", 302), ("root", 302), ("reader", 403), ("stranger", 404)],
)
def test_who_evaluates_again(
    desks: dict[str, Client], evaluation: ModelEval, who: str, status: int
) -> None:
    answer = desks[who].post(page(evaluation, "rerun/"))
    assert answer.status_code == status
    evaluation.refresh_from_db()
    assert evaluation.status == "done"
    made = ModelEval.objects.filter(supersedes=evaluation).first()
    assert (made is not None) == (status == 302)
    if made:
        assert (made.status, answer["Location"]) == ("running", page(made))
    of = made or evaluation
    answer = desks[who].post(page(of, "cancel/"))
    assert answer.status_code == status
    of.refresh_from_db()
    assert of.status == ("failed" if status == 302 else "done")


def once_of(text: str) -> str:
    found = re.search('name="once" value="([0-9a-f]{32})"', text)
    assert found
    return found[1]


def test_a_form_that_is_sent_twice_evaluates_once(
    desks: dict[str, Client], evaluation: ModelEval
) -> None:
    member = desks["member"]
    sent = {"once": once_of(member.get(page(evaluation)).content.decode())}
    first, second = (member.post(page(evaluation, "rerun/"), sent) for _ in range(2))
    made = ModelEval.objects.get(supersedes=evaluation)
    assert first["Location"] == second["Location"] == page(made)
    assert "Load it anew to ask again." in member.get(page(made)).content.decode()
    # The page, loaded anew, asks again; so does what was sent before of one that is deleted.
    other = {"once": once_of(member.get(page(evaluation)).content.decode())}
    member.post(page(evaluation, "rerun/"), other)
    made.delete()
    member.post(page(evaluation, "rerun/"), sent)
    assert ModelEval.objects.filter(supersedes=evaluation).count() == 2


def test_what_was_refused_may_be_sent_again(
    desks: dict[str, Client], evaluation: ModelEval
) -> None:
    member, sent = desks["member"], {"once": "0" * 32}
    ModelEval.objects.update(status="running")
    member.post(page(evaluation, "rerun/"), sent)
    ModelEval.objects.update(status="done")
    member.post(page(evaluation, "rerun/"), sent)
    assert ModelEval.objects.filter(supersedes=evaluation).count() == 1


@pytest.mark.parametrize(
    ("who", "status"),
    [("owner", 302), ("member", 302), ("root", 302), ("reader", 403), ("stranger", 404)],
)
def test_who_accepts_and_deletes(
    desks: dict[str, Client], evaluation: ModelEval, who: str, status: int
) -> None:
    for accepted in ("true", "false"):
        answer = desks[who].post(page(evaluation, "accept/"), {"accepted": accepted})
        assert answer.status_code == status
        evaluation.refresh_from_db()
        assert evaluation.is_accepted == (status == 302 and accepted == "true")
    answer = desks[who].post(page(evaluation, "remove/"))
    assert answer.status_code == status
    assert ModelEval.objects.count() == (status != 302)
    if status == 302:
        assert answer["Location"] == LIST


def test_pages_lead_to_what_repeats_it_and_what_it_repeats(
    desks: dict[str, Client], evaluation: ModelEval
) -> None:
    def facts(shown: ModelEval) -> str:
        text = desks["reader"].get(page(shown, "metrics/")).content.decode()
        return text.split('<p class="ev-facts">')[1].split("</p>")[0]

    assert "repeat" not in facts(evaluation)
    assert "ground truth: marked annotations" in facts(evaluation)
    assert "Accepted" not in facts(evaluation)
    desks["member"].post(page(evaluation, "rerun/"))
    made = ModelEval.objects.get(supersedes=evaluation)
    ModelEval.objects.filter(pk=evaluation.pk).update(is_accepted=True, ground_truth="all")
    assert f'repeated by <a href="{page(made)}">{made.eval_id}</a>' in facts(evaluation)
    assert f'repeats <a href="{page(evaluation)}">{evaluation.eval_id}</a>' in facts(made)
    assert "ground truth: the newest annotation, marked or not" in facts(evaluation)
    assert '<span class="ev-status ev-accepted">Accepted</span>' in facts(evaluation)


def test_only_what_is_done_is_accepted(desks: dict[str, Client], evaluation: ModelEval) -> None:
    ModelEval.objects.update(status="failed", failure_reason="No truth.")
    answer = desks["member"].post(page(evaluation, "accept/"), follow=True)
    assert "The model evaluation failed: No truth." in answer.content.decode()
    assert not ModelEval.objects.filter(is_accepted=True).exists()


def test_a_page_offers_what_its_reader_may_do(
    desks: dict[str, Client], evaluation: ModelEval
) -> None:
    def offered(who: str) -> set[str]:
        text = desks[who].get(page(evaluation)).content.decode()
        words = ("Re-evaluate", CANCEL, "Export", ACCEPT, BACK, "Delete this evaluation")
        return {word for word in words if f">{word}<" in text}

    assert offered("member") == {"Re-evaluate", "Export", ACCEPT, "Delete this evaluation"}
    assert offered("reader") == {"Export"}
    ModelEval.objects.update(is_accepted=True)
    assert offered("member") == {"Re-evaluate", "Export", BACK, "Delete this evaluation"}
    ModelEval.objects.update(status="running")
    assert offered("member") == {CANCEL, "Delete this evaluation"}
    assert offered("reader") == set()


def test_a_get_changes_nothing(desks: dict[str, Client], evaluation: ModelEval) -> None:
    for path in ("rerun/", "cancel/", "accept/", "remove/"):
        assert desks["owner"].get(page(evaluation, path)).status_code == 405
    evaluation.refresh_from_db()
    assert (evaluation.status, evaluation.is_accepted) == ("done", False)


def test_what_cannot_be_repeated_says_why(
    desks: dict[str, Client], evaluation: ModelEval, project: Project
) -> None:
    ModelEval.objects.update(origin="imported")
    answer = desks["owner"].post(page(evaluation, "rerun/"), follow=True)
    assert "An imported evaluation cannot be computed again" in answer.content.decode()


def test_a_running_and_a_failed_one_say_how_it_is(
    desks: dict[str, Client], evaluation: ModelEval
) -> None:
    ModelEval.objects.update(status="running", progress=0.42)
    text = desks["reader"].get(page(evaluation)).content.decode()
    assert 'value="42"' in text
    assert "data-numbers" not in text
    ModelEval.objects.update(status="failed", failure_reason="Task 7, region <b>: too small")
    text = desks["reader"].get(page(evaluation, "matrix/")).content.decode()
    assert "Task 7, region &lt;b&gt;: too small" in text
    answer = desks["reader"].get(page(evaluation, "data/numbers"))
    assert (answer.status_code, answer.json()["error"]) == (409, "model_eval_not_done")


@pytest.mark.parametrize("query", ["confidence=101", "split=nope", "cell=9,9", "offset=-1"])
def test_bad_input_is_refused_in_words(
    desks: dict[str, Client], evaluation: ModelEval, query: str
) -> None:
    answer = desks["reader"].get(page(evaluation, f"images/?{query}"))
    assert answer.status_code == 400
    assert 'role="alert"' in answer.content.decode()


def test_the_list_shows_and_filters(
    desks: dict[str, Client], evaluation: ModelEval, ada: Caller, project: Project
) -> None:
    other = computed(ada, project, "v2")

    def listed(query: str = "", who: str = "reader") -> set[str]:
        answer = desks[who].get(f"{LIST}{query}")
        assert answer.status_code == 200
        text = answer.content.decode()
        return {one.model_version for one in (evaluation, other) if page(one) in text}

    assert listed() == {"v1", "v2"}
    assert listed(who="stranger") == set()
    assert listed("?version=v2") == {"v2"}
    assert listed(f"?project={project.pk}") == {"v1", "v2"}
    assert listed("?project=999") == set()
    assert listed("?status=failed") == set()
    assert listed("?accepted=yes") == set()
    ModelEval.objects.filter(pk=other.pk).update(is_accepted=True)
    assert listed("?accepted=yes") == {"v2"}
    assert listed("?accepted=no") == {"v1"}
    assert listed("?days=1") == {"v1", "v2"}
    assert listed(f"?q={other.eval_id}") == {"v2"}
    ModelEval.objects.filter(pk=other.pk).update(created_at="2020-01-01T00:00:00Z")
    assert listed("?days=30") == {"v1"}


def test_a_row_by_its_number_leads_to_the_overview(
    desks: dict[str, Client], evaluation: ModelEval
) -> None:
    answer = desks["reader"].get(f"{LIST}{evaluation.pk}/change/")
    assert (answer.status_code, answer["Location"]) == (302, page(evaluation))
    stranger = desks["stranger"].get(f"{LIST}{evaluation.pk}/change/", follow=True)
    assert evaluation.eval_id not in stranger.content.decode()


def test_deleting_from_the_list(desks: dict[str, Client], evaluation: ModelEval) -> None:
    form = {"action": "delete_selected", "_selected_action": [evaluation.pk], "post": "yes"}
    for who in ("reader", "stranger"):
        desks[who].post(LIST, form)
        assert ModelEval.objects.count() == 1
    desks["member"].post(LIST, form)
    assert ModelEval.objects.count() == 0


def statements(client: Client, path: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


def test_the_list_costs_the_same_however_long(
    desks: dict[str, Client], evaluation: ModelEval
) -> None:
    one = statements(desks["reader"], LIST)
    for _ in range(49):
        copy = ModelEval.objects.get(pk=evaluation.pk)
        copy.pk, copy.eval_id = None, ModelEval().eval_id
        copy.save(force_insert=True)
    assert statements(desks["reader"], LIST) == one == 6


def test_pages_cost_the_same_however_many_images(
    desks: dict[str, Client], evaluation: ModelEval, ada: Caller, make_project: Any
) -> None:
    many = make_project(ada, title="Many")
    ids = load(ada, many, [task(f"i{n}", truth=[], said={"v1": []}) for n in range(50)])
    large = computed(ada, many)
    costs = {
        path: (
            statements(desks["reader"], page(evaluation, path)),
            statements(desks["reader"], page(large, path)),
        )
        for path in PAGES
    }
    more = {"diff/", "vectors/"}
    assert costs == {path: (7, 7) if path in more else (6, 6) for path in PAGES}
    cards = "data/cards?" + "&".join(f"image={n}" for n in ids)
    assert statements(desks["reader"], page(large, cards)) == 6


def test_says_what_was_passed_over_and_at_which_confidence(
    desks: dict[str, Client], evaluation: ModelEval, ada: Caller, project: Project
) -> None:
    listed = desks["reader"].get(LIST).content.decode()
    assert "0.667 at 16 %" in listed
    assert f"{page(evaluation)}?confidence=16" in listed
    assert "mAP50-95" in listed
    assert "What was passed over" not in desks["reader"].get(page(evaluation)).content.decode()

    bare = {**box("Car", 40, 40, 5, 5, 0.7), "value": {"x": 1}}
    [task_id] = load(ada, project, [task("odd", truth=[], said={"v3": [bare]})])
    load(ada, project, [task("fine", truth=[], said={"v3": [box("Car", 1, 1, 5, 5, 0.7)]})])
    odd = desks["reader"].get(page(computed(ada, project, "v3"))).content.decode()
    assert "1 region of the predictions passed over: no_label." in odd
    assert f"/admin/predictions/task/{task_id}/review/" in odd


def test_an_error_in_a_small_unit_is_not_shown_as_none(
    desks: dict[str, Client], ada: Caller, make_project: MakeProject
) -> None:
    made = make_project(ada, NUMBERS, title="Lengths")
    of = {"from_name": "answer", "to_name": "text", "type": "number"}
    item = {
        "data": {"text": "a"},
        "annotations": [{"result": [{**of, "value": {"number": 0.5}}], "ground_truth": True}],
        "predictions": [
            {"result": [{**of, "value": {"number": said}}], "model_version": version}
            for version, said in (("v1", 0.50040), ("v2", 0.50012))
        ],
    }
    load(ada, made, [item])
    first, second = computed(ada, made, "v1"), computed(ada, made, "v2")
    listed = desks["reader"].get(LIST).content.decode()
    assert "0.0004 Mean absolute error" in listed
    assert "0.00012 Mean absolute error" in listed
    tile = '<dd data-number="primary.value">{}</dd>'
    assert tile.format("0.0004") in desks["reader"].get(page(first)).content.decode()
    assert tile.format("0.00012") in desks["reader"].get(page(second)).content.decode()
    hub = desks["reader"].get(f"/admin/predictions/project/{made.pk}/").content.decode()
    assert "Mean absolute error over time, from 0.00012 to 0.0004" in hub


def test_warnings_of_what_was_computed_are_of_no_file(
    desks: dict[str, Client], ada: Caller, project: Project
) -> None:
    said = {"v7": [box("automobile", 40, 40, 5, 5, 0.7)]}
    load(ada, project, [task("other names", truth=[box("Car", 40, 40, 5, 5)], said=said)])
    shown = desks["reader"].get(page(computed(ada, project, "v7"))).content.decode()
    assert "share no class" in shown
    assert "imported file" not in shown


def test_pages_offer_the_slices_there_are(
    desks: dict[str, Client], ada: Caller, project: Project
) -> None:
    hostile = '"><script>alert(1)</script>'
    for camera in ("gate", hostile):
        load(ada, project, [task("x", truth=[], said={"v1": []}, camera=camera)])
    found = computed(ada, project)
    pages = {path: desks["reader"].get(page(found, path)).content.decode() for path in PAGES}

    assert [path for path, text in pages.items() if 'name="slice"' in text] == [
        "matrix/",
        "images/",
        "diff/",
    ]
    assert '<option value="meta.camera:gate">gate</option>' in pages["images/"]
    assert [path for path, text in pages.items() if 'data-panel="slices"' in text] == [""]
    assert "<option>meta.camera</option>" in pages[""]
    assert hostile not in "".join(pages.values())
    # One more than without: the values.
    assert statements(desks["reader"], page(found, "images/")) == 7
    assert statements(desks["reader"], page(found)) == 6
    refused = desks["reader"].get(page(found, "images/?slice=meta.site:x"))
    assert refused.status_code == 400
    assert "The keys are meta.camera." in refused.content.decode()
