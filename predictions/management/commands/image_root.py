"""`manage.py image_root add|list|move|remove`: folders whose files tasks may name."""

from argparse import BooleanOptionalAction
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from accounts import audit, members
from predictions.db.pictures import image_roots
from predictions.models import ImageRoot
from predictions.pictures.addresses import PREFIX
from predictions.pictures.folders import FolderError


class Command(BaseCommand):
    help = "Register folders of pictures: tasks of a workspace may name the files below them."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="add|list|move|remove")
        add = verbs.add_parser("add", help="Print the id of a folder's root, made if needed.")
        add.add_argument("folder", help="A folder that the web processes can read, too.")
        add.add_argument("--workspace", default="default", help="Slug (default: %(default)s).")
        add.add_argument(
            "--writable",
            action=BooleanOptionalAction,
            default=None,
            help="Export storages may write files into it, or no more (default: as it is; a new one"
            " may not be written to).",
        )
        verbs.add_parser("list", help="All roots: id, workspace, folder, whether it is written to.")
        move = verbs.add_parser("move", help="The files are in another folder now.")
        move.add_argument("id", help="From `image_root list`.")
        move.add_argument("folder")
        remove = verbs.add_parser("remove", help="Serve the files of a root no more.")
        remove.add_argument("id", help="From `image_root list`.")

    def handle(self, *, verb: str, **options: Any) -> None:
        try:
            with transaction.atomic():
                self._do(verb, **options)
        except FolderError as error:
            raise CommandError(str(error)) from None

    def _do(self, verb: str, **options: Any) -> None:
        if verb == "list":
            for root in image_roots.listed():
                written = "  (writable)" if root.is_writable else ""
                self.stdout.write(f"{root.pk}  {root.workspace.slug}  {root.path}{written}")
            return
        if verb == "add":
            root = image_roots.register(
                _workspace_id(options["workspace"]),
                options["folder"],
                is_writable=options["writable"],
            )
            self.stdout.write(root.pk)
            self.stderr.write(f"Tasks name its files {PREFIX}?d={root.pk}/NAME")
            return self._record("added", root)
        root = _found(options["id"])
        if verb == "move":
            image_roots.move(root, options["folder"])
            self.stdout.write(f"{root.pk} is {root.path} now.")
            return self._record("moved", root)
        self._record("removed", root)
        image_roots.remove(root)
        self.stdout.write(f"{root.pk} is gone; the files stay.")

    def _record(self, act: str, root: ImageRoot) -> None:
        audit.by_command(
            f"image_root.{act}",
            target=f"image root {root.pk}",
            workspace_id=root.workspace_id,
            folder=root.path,
            **({"writable": True} if root.is_writable else {}),
        )


def _workspace_id(slug: str) -> int:
    try:
        return members.workspace(slug).pk
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from None


def _found(root_id: str) -> ImageRoot:
    root = None if "\0" in root_id else image_roots.listed().filter(pk=root_id).first()
    if root is None:
        raise CommandError(f"There is no image root {root_id}; `image_root list` shows them.")
    return root
