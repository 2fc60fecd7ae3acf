"""What the suite leaves behind a test that commits: nothing, but for what `migrate` writes."""

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from accounts import audit
from predictions.models import Prediction, Task
from tests import emptying
from tests.clustered import own_tables
from tests.conftest import Caller, MakeProject


@own_tables
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("n", [1, emptying.MANY + 1])
def test_nothing_is_left(ada: Caller, make_project: MakeProject, n: int) -> None:
    project = make_project(ada)
    tasks = Task.objects.bulk_create(Task(project=project, data={}, inner_id=k) for k in range(n))
    Prediction.objects.create(project=project, task=tasks[0], result=[])
    audit.by_command("token.create")
    kept = [ContentType.objects.count(), Permission.objects.count()]

    emptying.empty()

    with connection.cursor() as cursor:
        cursor.execute(emptying.TABLES_SQL, [emptying.KEPT])
        tables = [row[0] for row in cursor.fetchall()]
        assert len(tables) > 30
        for table in tables:
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone() == (0,), table
    assert [ContentType.objects.count(), Permission.objects.count()] == kept
    assert min(kept) > 0
