"""The bounded folder of thumbnails."""

import logging
import os
import time
from pathlib import Path

import pytest

from predictions.pictures import kept

DAY_S = 24 * 3600


def test_what_was_put_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    assert kept.get(folder, "a") is None
    kept.put(folder, "a", b"one", most_bytes=1000)
    kept.put(folder, "a", b"two", most_bytes=1000)
    kept.put(folder, "b", b"", most_bytes=1000)
    assert (kept.get(folder, "a"), kept.get(folder, "b")) == (b"two", b"")
    assert sorted(path.name for path in folder.iterdir()) == ["a.kept", "b.kept"]
    assert folder.stat().st_mode & 0o077 == 0


def aged(path: Path, days: float) -> None:
    moment = time.time() - days * DAY_S
    os.utime(path, (moment, moment))


def test_reading_renews_it(tmp_path: Path) -> None:
    kept.put(tmp_path, "a", b"one", most_bytes=1000)
    aged(tmp_path / "a.kept", 3)
    assert kept.get(tmp_path, "a") == b"one"
    assert (tmp_path / "a.kept").stat().st_mtime > time.time() - DAY_S / 2


def test_the_longest_unused_make_room(tmp_path: Path) -> None:
    for n in range(10):
        (tmp_path / f"{n}.kept").write_bytes(bytes(100))
        aged(tmp_path / f"{n}.kept", 20 - n)
    (tmp_path / "half").write_bytes(b"")
    aged(tmp_path / "half", 2)
    (tmp_path / "being").write_bytes(b"")
    kept.trim(tmp_path, 1000)
    assert len(list(tmp_path.iterdir())) == 11
    kept.trim(tmp_path, 999)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["3.kept", "4.kept", "5.kept", "6.kept", "7.kept", "8.kept", "9.kept", "being"]


def test_writing_many_stays_within_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "LOOK_EVERY", 5)
    for n in range(50):
        kept.put(tmp_path, str(n), bytes(100), most_bytes=1000)
    assert len(list(tmp_path.iterdir())) <= 15
    assert kept.get(tmp_path, "49") == bytes(100)


def test_where_nothing_can_be_written_nothing_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        kept.put(tmp_path / "file" / "below", "a", b"one", most_bytes=1000)
    assert "cannot be written to" in caplog.text
    assert kept.get(tmp_path / "file" / "below", "a") is None
