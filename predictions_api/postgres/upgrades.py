"""Tells a database that migrations lead on from, from one that they do not.

Migrations are only added from 0.1.0 on. Before, those that a database had applied were changed
afterwards, and a downgrade meets a database that is ahead. Django takes both for migrated, and the
first request fails on a column that is not there.
"""

from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db.migrations.exceptions import InconsistentMigrationHistory
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

COLUMNS = """
    SELECT table_name, array_agg(column_name::text)
    FROM information_schema.columns WHERE table_schema = current_schema() GROUP BY table_name
"""
#: So many differences are named; the first few say enough.
MOST_NAMED = 5
AHEAD = (
    "The database {database} has migrations that this version does not know: {names}. A newer"
    " version has used it, or one from before 0.1.0. Run the version that used it last, or restore"
    " a backup of before."
)
CHANGED = (
    "The database {database} was made by a version from before 0.1.0, whose migrations were changed"
    " afterwards: {names}. No migration leads on from there. To start anew, move it aside (of an"
    " embedded database the folder DATA_DIR). To keep its data, run the version that made it,"
    " export each project there (`manage.py dump`, GET /api/projects/ID/export) and import it here."
)
MORE = " docs/operating/upgrade.md has the commands."


def refusal(connection: Any, *, database: str) -> str | None:
    """Why this database cannot be migrated, and what to do; None where it can.

    Compares, of the rooms of this service, which migrations are applied, and the tables and columns
    that these make with those that are there; not types, indexes and constraints. `database` is
    what messages call it. Half a second; an empty database needs none of it.
    """
    recorder = MigrationRecorder(connection)
    if not recorder.has_table():
        return None
    loader = MigrationLoader(connection)
    known = {*loader.disk_migrations}
    for migration in loader.disk_migrations.values():
        known |= set(migration.replaces)
    rooms = _rooms()
    applied = {key for key in recorder.applied_migrations() if key[0] in rooms}
    try:
        loader.check_consistent_history(connection)
        differences = _differences(connection, loader, rooms)
    except InconsistentMigrationHistory as error:
        differences = [str(error).removesuffix(".")]
    if differences:
        return CHANGED.format(database=database, names=_few(differences)) + MORE
    if unknown := sorted(".".join(key) for key in applied - known):
        return AHEAD.format(database=database, names=_few(unknown)) + MORE
    return None


def _rooms() -> set[str]:
    """Labels of the apps that lie beside manage.py: other packages may drop old migrations."""
    root = Path(settings.BASE_DIR)
    return {
        config.label
        for config in apps.get_app_configs()
        if (root / config.name.partition(".")[0]).is_dir()
    }


def _differences(connection: Any, loader: MigrationLoader, rooms: set[str]) -> list[str]:
    """`table.column is missing`, and the like, of what the applied migrations should have made."""
    done = [key for key in loader.applied_migrations if key in loader.graph.nodes]
    state = loader.project_state(done, at_end=True)
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS)
        there = {table: set(columns) for table, columns in cursor.fetchall()}
    found = []
    for model in state.apps.get_models(include_auto_created=True):
        options = model._meta
        if options.app_label not in rooms or not options.managed or options.proxy:
            continue
        table = options.db_table
        if table not in there:
            found.append(f"the table {table} is missing")
            continue
        columns = {str(field.column) for field in options.local_concrete_fields}
        found += [f"{table}.{name} is missing" for name in sorted(columns - there[table])]
        found += [f"{table}.{name} is not in use" for name in sorted(there[table] - columns)]
    return found


def _few(names: list[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
