"""Migrations of a release never change: the database of whoever runs it has applied them.

`released_migrations.txt` has the SHA-256 of each, as `sha256sum` writes it. A release adds its new
migrations to the list (`make released`); nothing else changes it.
"""

import hashlib
from pathlib import Path

from tests.house.serving import ROOT

LIST = Path(__file__).with_name("released_migrations.txt")


def released() -> dict[str, str]:
    """The hash of each file by its path."""
    lines = LIST.read_text().splitlines()
    return {path: sha for sha, _, path in (line.partition("  ") for line in lines)}


def test_there_are_some() -> None:
    assert len(released()) >= 8
    assert all(path.endswith(".py") and "/migrations/0" in path for path in released())


def test_they_are_as_they_were_released() -> None:
    changed = []
    for path, sha in released().items():
        file = ROOT / path
        found = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "gone"
        if found != sha:
            changed.append(path)
    assert not changed, (
        f"Released migrations were changed: {', '.join(changed)}. Databases have applied them as"
        " they were. Put them back, and add a migration instead."
    )
