"""How much an evaluation reads at once: so many images, and so many bytes once unpacked."""

import tracemalloc

import pytest

from evals.db.snapshot import plan
from evals.jobs import planning, requests, state
from evals.models import EvalChunk, ModelEval
from predictions.models import Project
from tests.conftest import Caller
from tests.evals.conftest import CAR, box, computed, load, task, values
from tests.evals.jobs.test_jobs import results

MB = 2**20
BOX = box(CAR, 1, 1, 9, 9)


def planned(ada: Caller, project: Project) -> list[tuple[int, int]]:
    """Of each chunk the position of its first image, and how many it has."""
    found = requests.create(values(project), workspace_id=ada.access.workspace_id)
    mine = state.worker()
    assert state.claim(found.pk, mine) is not None
    evaluation = ModelEval.objects.select_related("project").get(pk=found.pk)
    planning.plan(evaluation, mine, planning.alone)
    chunks = EvalChunk.objects.filter(evaluation=found).order_by("number")
    return [(chunk.first_position, len(chunk.rows)) for chunk in chunks]


@pytest.mark.parametrize(("most", "n_chunks"), [(1, 4), (1500, 3), (10_000, 1)])
def test_chunks_of_few_bytes_change_nothing(
    ada: Caller,
    project: Project,
    task_ids: list[int],
    monkeypatch: pytest.MonkeyPatch,
    most: int,
    n_chunks: int,
) -> None:
    whole = results(computed(ada, project))
    monkeypatch.setattr(plan, "READ_BYTES", most)

    assert len(planned(ada, project)) == n_chunks
    assert results(computed(ada, project)) == whole


def test_what_is_packed_counts_as_it_is_read(ada: Caller, project: Project) -> None:
    """12 MB each, a hundredth of that on disk."""
    long = [{**BOX, "meta": {"text": ["a" * (12 * MB)]}}]
    load(ada, project, [task(f"t{n}", truth=long, said={"v1": [BOX]}) for n in range(5)])

    assert planned(ada, project) == [(0, 2), (2, 2), (4, 1)]

    tracemalloc.start()
    found = computed(ada, project)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.status == ModelEval.Status.DONE
    # Two at a time: as text of the driver, as its bytes, and read.
    assert peak < 6 * 24 * MB


def test_pages_and_files_read_so_many_too(
    ada: Caller, project: Project, task_ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = computed(ada, project)
    path = f"/lab/model-evals/{found.eval_id}/coco"
    whole = b"".join(ada.client.get(path))
    monkeypatch.setattr(plan, "READ_BYTES", 1)
    assert len(b"".join(ada.client.get(path))) == len(whole)
