"""A few kills of `make chaos`, one of each kind and some more."""

import pytest

from tests.house import chaos, cluster_chaos


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_or_doubled(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("chaos")
    table = chaos.run(folder, kills=8, seed=1)
    assert table.faults == [], table.text()
    assert len(table.kills) == 5
    told = table.told
    assert all((told.created, told.imported, told.runs, told.evaluations)), table.text()


@pytest.mark.slow
def test_nothing_is_lost_on_a_cluster(tmp_path_factory: pytest.TempPathFactory) -> None:
    if not cluster_chaos.are_here():
        pytest.skip("needs a cluster on 127.0.0.1: TEST_DATABASE_URL and TEST_CLUSTER_NODES")
    folder = tmp_path_factory.mktemp("chaos")
    n_kinds = 4 + len(cluster_chaos.NODES)
    table = chaos.run(folder, kills=n_kinds, seed=1, **chaos.parts())
    assert table.faults == [], table.text()
    assert len(table.kills) == n_kinds
    told = table.told
    every = (told.created, told.imported, told.runs, told.evaluations, told.projects)
    assert all(every), table.text()
