"""Idempotency-Key on what makes evaluations: a request that is sent again makes no other one."""

import json
from typing import Any

import pytest

from evals.models import ModelEval
from predictions.models import Project
from tests.conftest import Caller

BASE = "/lab/model-evals"
IMAGE = {
    "imageId": "a", "imageName": "a.jpg", "split": "test", "augmentations": 0, "cluster": None,
    "confusion": [[0, 0, 1]],
}  # fmt: skip
FILE = {
    "project": "cars", "versionId": "4", "classes": ["Car"],
    "reports": [{"confidence": 20, "image_results": [IMAGE]}],
}  # fmt: skip


@pytest.fixture
def asked(evaluation: ModelEval, project: Project) -> dict[str, tuple[str, Any, Any]]:
    """By name a path, a body, and another body."""
    wanted = {"project": project.slug, "modelVersion": "v1"}
    return {
        "compute": ("", wanted, {**wanted, "confidence": 30}),
        "rerun": (f"/{evaluation.eval_id}/rerun", {}, {"a": 1}),
        "import": ("/import", FILE, {**FILE, "versionId": "5"}),
    }


def post(caller: Caller, path: str, body: Any, key: str) -> Any:
    headers = {"idempotency-key": key}
    content = json.dumps(body)
    return caller.client.post(
        f"{BASE}{path}", content, content_type="application/json", headers=headers
    )


@pytest.mark.parametrize("name", ["compute", "rerun", "import"])
def test_the_same_again_is_answered_not_done(
    ada: Caller, asked: dict[str, tuple[str, Any, Any]], name: str
) -> None:
    path, body, other = asked[name]
    before = ModelEval.objects.count()

    first, second = post(ada, path, body, "k"), post(ada, path, body, "k")
    assert first.status_code in (201, 202), first.content
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert ("Idempotent-Replayed" in first, second["Idempotent-Replayed"]) == (False, "true")
    assert ModelEval.objects.count() == before + 1

    used = post(ada, path, other, "k")
    assert (used.status_code, used.json()) == (
        400,
        {
            "error": "invalid_request",
            "message": "This Idempotency-Key was used for another request.",
        },
    )
    assert post(ada, path, body, "another").status_code == first.status_code
    assert ModelEval.objects.count() == before + 2


def test_a_refusal_is_not_kept(ada: Caller, asked: dict[str, tuple[str, Any, Any]]) -> None:
    path, body, _ = asked["compute"]
    assert post(ada, path, {**body, "modelVersion": "none"}, "k").status_code == 400
    assert post(ada, path, body, "k").status_code == 202
