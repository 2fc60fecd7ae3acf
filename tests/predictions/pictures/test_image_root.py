"""`manage.py image_root`, and what may be registered."""

import io
import re
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from accounts.members import delete_workspace
from accounts.models import AuditEntry, Workspace
from predictions.db.pictures import image_roots
from predictions.models import ImageRoot
from tests.conftest import Caller


def told(*arguments: object) -> str:
    written = io.StringIO()
    call_command("image_root", *map(str, arguments), stdout=written, stderr=io.StringIO())
    return written.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "cars"
    made.mkdir()
    return made


def test_from_add_to_remove(ada: Caller, folder: Path) -> None:
    made = told("add", folder, "--workspace", "lab").strip()
    assert re.fullmatch("[0-9a-f]{16}", made)
    # The same folder, by whatever name, is the same root; of another workspace it is another one.
    (folder.parent / "link").symlink_to(folder)
    assert told("add", folder.parent / "link", "--workspace", "lab").strip() == made
    assert told("list") == f"{made}  lab  {folder}\n"
    moved = folder.parent / "moved"
    moved.mkdir()
    assert told("move", made, moved) == f"{made} is {moved} now.\n"
    assert image_roots.root_of(made) == (ada.workspace.pk, str(moved))
    assert told("remove", made) == f"{made} is gone; the files stay.\n"
    assert (told("list"), image_roots.root_of(made), moved.is_dir()) == ("", None, True)
    rows = AuditEntry.objects.order_by("pk").filter(action__startswith="image_root.")
    assert [(row.action, row.target, row.workspace_id, row.details) for row in rows] == [
        (f"image_root.{act}", f"image root {made}", ada.workspace.pk, {"folder": str(where)})
        for act, where in (
            ("added", folder), ("added", folder), ("moved", moved), ("removed", moved),
        )
    ]  # fmt: skip


def test_one_that_may_be_written_to(ada: Caller, folder: Path) -> None:
    made = told("add", folder, "--workspace", "lab", "--writable").strip()
    assert told("list") == f"{made}  lab  {folder}  (writable)\n"
    # As it is, unless it is said.
    told("add", folder, "--workspace", "lab")
    assert ImageRoot.objects.get().is_writable
    told("add", folder, "--workspace", "lab", "--no-writable")
    assert told("list") == f"{made}  lab  {folder}\n"
    acts = AuditEntry.objects.filter(action="image_root.added").order_by("pk")
    assert [row.details.get("writable") for row in acts] == [True, True, None]


def test_workspaces_have_roots_of_their_own(ada: Caller, olga: Caller, folder: Path) -> None:
    one = image_roots.register(ada.workspace.pk, folder)
    other = image_roots.register(olga.workspace.pk, folder)
    assert one.pk != other.pk
    delete_workspace(ada.workspace)
    assert list(ImageRoot.objects.values_list("pk", flat=True)) == [other.pk]


REFUSED = [
    (["add", "{nowhere}", "--workspace", "lab"], "There is no folder '{nowhere}'."),
    (["add", "", "--workspace", "lab"], "There is no folder ''."),
    (["add", "a\0b", "--workspace", "lab"], r"There is no folder 'a\\x00b'."),
    (["add", "{file}", "--workspace", "lab"], "'{file}' is no folder."),
    (["add", "/", "--workspace", "lab"], "The whole file system is no folder of pictures."),
    (["add", "{folder}", "--workspace", "lob"], 'no workspace "lob". Did you mean "lab"'),
    (["add", "{folder}"], 'There is no workspace "default".'),
    (["move", "0123456789abcdef", "{folder}"], "There is no image root 0123456789abcdef;"),
    (["move", "a\0b", "{folder}"], "There is no image root"),
    (["move", "{root}", "{nowhere}"], "There is no folder '{nowhere}'."),
    (["remove", "x"], "There is no image root x; `image_root list` shows them."),
]


@pytest.mark.parametrize(("given", "message"), REFUSED)
def test_refusals_change_nothing(ada: Caller, folder: Path, given: list[str], message: str) -> None:
    (folder / "file").write_text("")
    root = image_roots.register(ada.workspace.pk, folder)
    names = {
        "folder": folder, "file": folder / "file", "nowhere": folder / "nowhere", "root": root.pk,
    }  # fmt: skip
    with pytest.raises(CommandError, match=message.format(**names)):
        told(*(text.format(**names) for text in given))
    assert told("list") == f"{root.pk}  lab  {folder}\n"
    assert not AuditEntry.objects.filter(action__startswith="image_root.").exists()


def test_only_below_the_allowed_folders(ada: Caller, folder: Path, settings: Settings) -> None:
    inside = folder / "val"
    inside.mkdir()
    (folder / "out").symlink_to(folder.parent)
    (folder.parent / "carsharing").mkdir()
    (folder.parent / "alias").symlink_to(folder)
    settings.LOCAL_FILES_ROOTS = ["/nowhere", str(folder.parent / "alias")]
    for allowed in (folder, inside, folder.parent / "alias" / "val"):
        told("add", allowed, "--workspace", "lab")
    before = told("list")
    for other in (folder.parent, folder / "out", folder.parent / "carsharing", Path("/")):
        with pytest.raises(CommandError, match=r"outside of LOCAL_FILES_ROOTS|whole file system"):
            told("add", other, "--workspace", "lab")
    assert told("list") == before


@pytest.mark.django_db
def test_data_is_no_name_of_a_workspace() -> None:
    from django.core.exceptions import ValidationError

    with pytest.raises(ValidationError, match="reserved"):
        Workspace(slug="data").full_clean()
