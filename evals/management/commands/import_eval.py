"""`manage.py import_eval`: an evaluation computed elsewhere, from a file."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from accounts import audit
from accounts.models import Workspace
from evals.documents.refusals import Refusal
from evals.imports.save import import_file


class Command(BaseCommand):
    help = "Import an evaluation from a file. The last line printed is the evaluation's id."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--workspace", required=True, help="Slug.")
        parser.add_argument(
            "--no-strict",
            action="store_true",
            help="Import a file that disagrees with itself, and say where it does.",
        )

    def handle(self, *, file: Path, workspace: str, no_strict: bool, **options: Any) -> None:
        owner = Workspace.objects.filter(slug=workspace).first()
        if owner is None:
            raise CommandError(f"There is no workspace {workspace!r}.")
        try:
            with (
                file.open("rb") as opened,
                tqdm(unit=" images", disable=not sys.stderr.isatty()) as bar,
            ):
                made = import_file(
                    opened,
                    workspace_id=owner.pk,
                    strict=not no_strict,
                    progress=lambda n: bar.update(n - bar.n),
                )
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from error
        except Refusal as error:
            raise CommandError(str(error.detail)) from error
        audit.by_command(
            "evaluation.imported", target=f"evaluation {made.eval_id}", workspace_id=owner.pk
        )
        for warning in made.warnings:
            self.stderr.write(f"{warning['path']}: {warning['message']}")
        self.stdout.write(made.eval_id)
