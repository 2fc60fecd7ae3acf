"""Image roots: the folders whose files a workspace's tasks may name. Only commands register one."""

import secrets
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from accounts.models import Workspace
from predictions.models import ImageRoot
from predictions.pictures.folders import is_allowed, real_folder
from predictions_api.postgres.sql import fetch_prepared

# By primary key.
ROOT_SQL = "SELECT workspace_id, path FROM predictions_imageroot WHERE id = %s"


def new_id() -> str:
    """16 random hex characters."""
    return secrets.token_hex(8)


@transaction.atomic
def register(
    workspace_id: int, folder: str | Path, *, is_writable: bool | None = None
) -> ImageRoot:
    """The workspace's root of that folder, made where there is none. FolderError for no folder, and
    for one that LOCAL_FILES_ROOTS does not allow.

    `is_writable` says whether export storages may write into it; None leaves that as it is, for a
    new one no.
    """
    path = real_folder(str(folder), settings.LOCAL_FILES_ROOTS)
    # Who registers the same folder at the same time waits here.
    workspace = Workspace.objects.select_for_update(no_key=True).get(pk=workspace_id)
    known = ImageRoot.objects.filter(workspace=workspace, path=path).order_by("created_at").first()
    root = known or ImageRoot.objects.create(id=new_id(), workspace=workspace, path=path)
    if is_writable is not None and root.is_writable != is_writable:
        ImageRoot.objects.filter(pk=root.pk).update(is_writable=is_writable)
        root.is_writable = is_writable
    return root


def move(root: ImageRoot, folder: str | Path) -> None:
    """The root's files are in that folder from now on; addresses stay. As `register`."""
    path = real_folder(str(folder), settings.LOCAL_FILES_ROOTS)
    ImageRoot.objects.filter(pk=root.pk).update(path=path)
    root.path = path


def remove(root: ImageRoot) -> None:
    """Its files are served no more; the files and the tasks that name them stay."""
    ImageRoot.objects.filter(pk=root.pk).delete()


def listed() -> QuerySet[ImageRoot]:
    """All roots with their workspaces, the oldest first."""
    return ImageRoot.objects.select_related("workspace").order_by("created_at", "pk")


def root_of(root_id: str) -> tuple[int, str] | None:
    """Workspace and folder of a root; None for an unknown one, and for one that LOCAL_FILES_ROOTS
    no longer allows. One statement.
    """
    row = fetch_prepared(ROOT_SQL, [root_id])
    return row if row is not None and is_allowed(row[1], settings.LOCAL_FILES_ROOTS) else None
