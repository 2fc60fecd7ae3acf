"""A few kills of `make chaos`, one of each kind and some more."""

import pytest

from tests.house import chaos


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_or_doubled(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("chaos")
    for above in (folder, *folder.parents[:2]):
        above.chmod(0o755)
    table = chaos.run(folder, kills=8, seed=1)
    assert table.faults == [], table.text()
    assert len(table.kills) == 5
    told = table.told
    assert all((told.created, told.imported, told.runs, told.evaluations)), table.text()
