"""What `backup` and `restore` refuse; docs/operating/backup.md runs both in tests/house."""

import subprocess
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection


def test_a_backup_takes_no_others_place(tmp_path: Path) -> None:
    file = tmp_path / "predictions.dump"
    file.write_text("mine")
    with pytest.raises(CommandError, match="is there already; choose another name"):
        call_command("backup", str(file))
    assert file.read_text() == "mine"


@pytest.mark.django_db
def test_a_backup_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CommandError, match=r"cannot be written: No such file or directory\."):
        call_command("backup", str(tmp_path / "nowhere" / "predictions.dump"))
    monkeypatch.setitem(connection.settings_dict, "NAME", "no_such_database")
    with pytest.raises(CommandError, match='database "no_such_database" does not exist'):
        call_command("backup", str(tmp_path / "predictions.dump"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.django_db
def test_a_restore_needs_a_file_and_an_empty_database(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no file"):
        call_command("restore", str(tmp_path / "nothing.dump"))
    file = tmp_path / "predictions.dump"
    file.write_text("no dump")
    with pytest.raises(CommandError, match="A backup is restored into an empty one"):
        call_command("restore", str(file))


@pytest.mark.django_db
def test_a_password_stands_in_no_list_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []

    def note(command: list[str], **options: object) -> None:
        started.append(command)
        assert options["env"]["PGPASSWORD"] == "secret"  # type: ignore[index]
        raise OSError(2, "No such file or directory")

    monkeypatch.setitem(connection.settings_dict, "PASSWORD", "secret")
    monkeypatch.setattr(subprocess, "run", note)
    with pytest.raises(CommandError):
        call_command("backup", str(tmp_path / "predictions.dump"))
    assert "secret" not in " ".join(started[0])
