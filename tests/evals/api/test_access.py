"""Who may do what on the evaluation routes, and what those see who may not."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from evals.models import ModelEval
from predictions.models import Project
from tests.conftest import Caller, make_caller
from tests.evals.conftest import computed

pytestmark = pytest.mark.usefixtures("kept")

PANELS = [
    "",
    "/map-results",
    "/confidence-sweep",
    "/performance-by-class",
    "/confusion-matrix",
    "/vector-analysis",
    "/image-predictions",
    "/image-predictions/0",
    "/recommendations",
    "/slices",
    "/intervals",
    "/recall-curves",
    "/error-types",
    "/coco",
]
WRITES = [
    ("post", "/rerun", {}),
    ("post", "/cancel", {}),
    ("patch", "", {"accepted": True}),
    ("delete", "", None),
]


def client_of(key: str) -> APIClient:
    return APIClient(HTTP_AUTHORIZATION=f"Bearer {key}")


@pytest.fixture
def people(ada: Caller, rita: Caller, olga: Caller) -> dict[str, APIClient]:
    """Clients by who they are; `reads` and `writes` are keys with one scope."""
    scoped = {
        name: make_caller(f"{name}@example.com", "lab", role="member", scopes=[scope])
        for name, scope in {
            "reads": "model-eval:read",
            "writes": "model-eval:write",
            "store": "predictions:write",
        }.items()
    }
    member = make_caller("max@example.com", "lab", role="member")
    everyone = {"owner": ada, "member": member, "reader": rita, "foreign": olga, **scoped}
    clients = {name: client_of(caller.key) for name, caller in everyone.items()}
    return {**clients, "nobody": APIClient(), "stranger": client_of("0" * 39 + "a")}


@pytest.mark.parametrize(
    ("who", "status", "code"),
    [
        ("owner", None, None),
        ("member", None, None),
        ("reader", None, None),
        ("reads", None, None),
        ("writes", 403, "forbidden"),
        ("store", 403, "forbidden"),
        ("foreign", 404, "model_eval_not_found"),
        ("nobody", 401, "unauthenticated"),
        ("stranger", 401, "unauthenticated"),
    ],
)
def test_reads(
    people: dict[str, APIClient],
    evaluation: ModelEval,
    who: str,
    status: int | None,
    code: str | None,
) -> None:
    for panel in PANELS:
        answer = people[who].get(f"/lab/model-evals/{evaluation.eval_id}{panel}")
        if status is None:
            # Its tasks carry no embeddings, and nothing to slice by.
            refused = {"/vector-analysis": 404, "/image-predictions/0": 404, "/slices": 400}
            assert answer.status_code == refused.get(panel, 200), panel
        else:
            assert (answer.status_code, answer.json()["error"]) == (status, code), panel
            assert set(answer.json()) == {"error", "message"}


@pytest.mark.parametrize(("verb", "path", "body"), WRITES)
@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("owner", None),
        ("member", None),
        ("writes", None),
        ("reader", 403),
        ("reads", 403),
        ("store", 403),
        ("foreign", 404),
        ("nobody", 401),
    ],
)
def test_writes(
    people: dict[str, APIClient],
    evaluation: ModelEval,
    verb: str,
    path: str,
    body: Any,
    who: str,
    status: int | None,
) -> None:
    address = f"/lab/model-evals/{evaluation.eval_id}{path}"
    answer = getattr(people[who], verb)(address, body, format="json")

    if status is None:
        assert answer.status_code in {200, 202, 204}
    else:
        assert answer.status_code == status
        evaluation.refresh_from_db()
        assert (evaluation.status, evaluation.is_accepted) == ("done", False)
        assert ModelEval.objects.count() == 1


@pytest.mark.parametrize(
    ("who", "status"),
    [("owner", 202), ("writes", 202), ("reader", 403), ("reads", 403), ("nobody", 401)],
)
def test_computing(
    people: dict[str, APIClient], evaluation: ModelEval, who: str, status: int
) -> None:
    body = {"project": "cars", "modelVersion": "v1"}

    answer = people[who].post("/lab/model-evals", body, format="json")
    assert answer.status_code == status
    assert ModelEval.objects.exclude(pk=evaluation.pk).count() == (status == 202)


@pytest.mark.parametrize(
    "path", ["", "/model-evals", "/model-evals/compare?project=cars&version=v1"]
)
def test_another_workspace_is_not_there(people: dict[str, APIClient], path: str) -> None:
    answer = people["foreign"].get(f"/lab{path}")
    unknown = people["foreign"].get(f"/nowhere{path}")

    assert answer.status_code == unknown.status_code == 404
    assert answer.json() == unknown.json()
    assert answer.json()["error"] == "workspace_not_found"


def test_an_evaluation_is_not_found_through_another_workspace(
    ada: Caller, olga: Caller, evaluation: ModelEval
) -> None:
    foreign = client_of(olga.key).get(f"/elsewhere/model-evals/{evaluation.eval_id}")
    unknown = client_of(olga.key).get("/elsewhere/model-evals/" + "x" * 20)
    theirs = client_of(ada.key).get(f"/elsewhere/model-evals/{evaluation.eval_id}")

    assert foreign.status_code == unknown.status_code == theirs.status_code == 404
    assert foreign.json() == unknown.json() == theirs.json()


def test_isolation_of_filters_and_requests(
    ada: Caller, olga: Caller, evaluation: ModelEval, project: Project
) -> None:
    hers = client_of(olga.key)

    assert hers.get("/elsewhere/model-evals", {"project": "cars"}).json() == {"evals": []}
    for name in ("cars", project.pk):
        body = {"project": name, "modelVersion": "v1"}
        answer = hers.post("/elsewhere/model-evals", body, format="json")
        assert (answer.status_code, answer.json()["error"]) == (404, "project_not_found")
    diff = hers.get(f"/elsewhere/model-evals/{evaluation.eval_id}/diff/{evaluation.eval_id}")
    assert diff.status_code == 404


@pytest.mark.parametrize("header", ["Bearer {}", "Token {}"])
def test_keys_in_headers(ada: Caller, header: str) -> None:
    client = APIClient(HTTP_AUTHORIZATION=header.format(ada.key))

    assert client.get("/lab/model-evals").status_code == 200


def test_a_revoked_key(ada: Caller) -> None:
    from accounts import tokens

    tokens.revoke(ada.token)
    answer = APIClient().get("/lab/model-evals", {"api_key": ada.key})

    assert (answer.status_code, answer.json()["error"]) == (401, "unauthenticated")


@pytest.mark.parametrize("status", ["running", "failed"])
def test_unfinished_panels(ada: Caller, evaluation: ModelEval, status: str) -> None:
    ModelEval.objects.filter(pk=evaluation.pk).update(status=status, failure_reason="No truth.")

    for panel in PANELS[1:]:
        answer = client_of(ada.key).get(f"/lab/model-evals/{evaluation.eval_id}{panel}")
        assert (answer.status_code, answer.json()["error"]) == (409, "model_eval_not_done")
        assert ("No truth." in answer.json()["message"]) == (status == "failed")


def test_refusals_in_order(ada: Caller, olga: Caller, evaluation: ModelEval) -> None:
    """401, then 404, then 400, then 409."""
    ModelEval.objects.filter(pk=evaluation.pk).update(status="running")
    path = f"/lab/model-evals/{evaluation.eval_id}/confusion-matrix?confidence=x"

    assert APIClient().get(path).status_code == 401
    assert client_of(olga.key).get(path).status_code == 404
    assert client_of(ada.key).get(path).status_code == 400
    assert client_of(ada.key).get(path.partition("?")[0]).status_code == 409


def test_an_unknown_verb(ada: Caller) -> None:
    answer = client_of(ada.key).put("/lab/model-evals", {}, format="json")

    assert (answer.status_code, answer.json()["error"]) == (405, "method_not_allowed")


def test_two_evaluations_do_not_mix(ada: Caller, project: Project, task_ids: list[int]) -> None:
    first, second = computed(ada, project), computed(ada, project, "v2")
    client = client_of(ada.key)

    def matrix(found: ModelEval) -> Any:
        return client.get(
            f"/lab/model-evals/{found.eval_id}/confusion-matrix", {"split": "all"}
        ).json()["matrix"]

    assert matrix(first) == [[1, 1, 1], [0, 1, 0], [0, 1, 0]]
    assert matrix(second) == [[3, 0, 0], [0, 1, 0], [0, 0, 0]]
