"""A database that no migration leads on from is named, with what to do, and left as it is."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from predictions_api.postgres import upgrades

pytestmark = pytest.mark.django_db


def recorded() -> list[tuple[str, str]]:
    return sorted(MigrationRecorder(connection).applied_migrations())


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_database_of_this_version_is_migrated() -> None:
    before = recorded()
    call_command("migrate", verbosity=0)
    assert recorded() == before
    assert upgrades.refusal(connection, database="of a test") is None


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (
            "ALTER TABLE predictions_task DROP COLUMN meta CASCADE",
            "predictions_task.meta is missing",
        ),
        ("ALTER TABLE predictions_task ADD COLUMN old text", "predictions_task.old is not in use"),
        ("DROP TABLE evals_modeleval CASCADE", "the table evals_modeleval is missing"),
        (
            "DELETE FROM django_migrations WHERE app = 'predictions' AND name = '0001_initial'",
            "is applied before its dependency predictions.0001_initial",
        ),
    ],
)
def test_one_whose_migrations_were_changed_is_refused(statement: str, named: str) -> None:
    execute(statement)
    before = recorded()
    with pytest.raises(CommandError) as refused:
        call_command("migrate", verbosity=0)
    message = str(refused.value)
    assert named in message
    assert "was made by a version from before 0.1.0" in message
    assert "move it aside" in message
    assert "export each project there" in message
    assert recorded() == before


def test_one_that_is_ahead_is_refused() -> None:
    for number in range(7):
        MigrationRecorder(connection).record_applied("predictions", f"900{number}_future")
    message = upgrades.refusal(connection, database="of a test")
    assert message is not None
    assert message.startswith(
        "The database of a test has migrations that this version does not know:"
        " predictions.9000_future, predictions.9001_future,"
    )
    assert "predictions.9004_future and 2 more. A newer version has used it" in message


def test_what_other_packages_dropped_does_not_matter() -> None:
    MigrationRecorder(connection).record_applied("axes", "0000_squashed_and_gone")
    assert upgrades.refusal(connection, database="of a test") is None
