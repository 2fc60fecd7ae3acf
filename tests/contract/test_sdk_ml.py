"""The vendor's SDK, unmodified: `client.ml` and the Data Manager's action against a live server."""

from typing import Any

import pytest
from label_studio_sdk import LabelStudio
from label_studio_sdk.core.api_error import ApiError

from backends.jobs import executor
from backends.models import PredictionJob
from predictions.models import MLBackend, Prediction, Project
from tests.backends.conftest import *  # noqa: F403 - fixtures of backends
from tests.backends.scripted import Scripted
from tests.conftest import TEXT_CONFIG, Caller, MakeProject
from tests.contract.conftest import Sent


def test_every_call_of_client_ml(
    client: LabelStudio,
    sent: Sent,
    ada: Caller,
    make_project: MakeProject,
    make_tasks: Any,
    scripted: Scripted,
    url: str,
) -> None:
    project = make_project(ada, TEXT_CONFIG)
    good, _ = make_tasks(project, "good", "bad")
    made = client.ml.create(
        project=project.pk,
        url=url,
        title="moods",
        description="of texts",
        is_interactive=True,
        auth_method="BASIC_AUTH",
        basic_auth_user="u",
        basic_auth_pass="p",
        extra_params={"a": 1},
        timeout=9,
    )
    assert made.id is not None
    assert (made.title, made.model_version, made.state, made.timeout) == ("moods", "v1", "CO", 9.0)
    assert [one.id for one in client.ml.list(project=project.pk)] == [made.id]
    assert len(client.ml.list(project=project.pk, is_interactive=True)) == 1
    assert client.ml.get(id=made.id).basic_auth_user == "u"
    assert client.ml.update(id=made.id, project=project.pk, url=url, title="renamed").title == (
        "renamed"
    )
    client.ml.predict_interactive(id=made.id, task=good)
    client.ml.train(id=made.id, use_ground_truth=True)
    assert client.ml.list_model_versions(id=str(made.id)).versions == ["v1"]
    client.ml.predict_all_tasks(id=made.id, batch_size=1)
    job = PredictionJob.objects.get()
    assert (job.batch_size, job.total_tasks) == (1, 2)
    executor.execute(job.pk)
    assert Prediction.objects.count() == 2
    client.actions.create(
        id="retrieve_tasks_predictions",
        project=project.pk,
        selected_items={"all": False, "included": [good]},
        request_options={"additional_query_parameters": {"wait": "0"}},
    )
    assert PredictionJob.objects.latest("id").total_tasks == 1
    client.ml.delete(id=made.id)
    with pytest.raises(ApiError) as gone:
        client.ml.get(id=made.id)
    assert gone.value.status_code == 404
    assert not MLBackend.objects.exists()
    assert Project.objects.get().model_version == ""
    assert [call.split(" ")[0] for call in sent.calls].count("PATCH") == 1
