"""Imports a file of predictions, showing how far it is; an interrupted import can be resumed."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rest_framework.exceptions import APIException, ValidationError
from tqdm import tqdm

from accounts import audit
from predictions.imports import resumable
from predictions.models import Project


class Command(BaseCommand):
    """`import_predictions FILE|- --project ID`."""

    help = "Import predictions from JSON Lines, JSON or Parquet, in batches."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file, the project, and how."""
        parser.add_argument("file", help="a file, or - for standard input")
        parser.add_argument("--project", type=int, required=True, help="the project's id")
        parser.add_argument(
            "--format", choices=resumable.FORMATS, help="by the file's name unless given"
        )
        parser.add_argument(
            "--batch", type=int, default=20_000, metavar="N", help="predictions a transaction"
        )
        parser.add_argument(
            "--resume",
            action="store_true",
            help="go on after the last committed batch; what follows it may have been mended",
        )
        parser.add_argument(
            "--upsert", action="store_true", help="replace those of the same task and version"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """CommandError, with what is committed so far, for a bad item or an unknown project."""
        project = Project.objects.filter(pk=options["project"]).first()
        if project is None:
            raise CommandError(f"There is no project {options['project']}.")
        if options["batch"] < 1:
            raise CommandError("--batch takes a number from 1.")
        if options["file"] == "-":
            if options["resume"]:
                raise CommandError("Standard input cannot be resumed: give a file.")
            self._import(project, sys.stdin.buffer, options)
            return
        path = Path(options["file"])
        try:
            with path.open("rb") as file:
                self._import(project, file, options)
        except OSError as exc:
            raise CommandError(str(exc)) from None

    def _import(self, project: Project, file: Any, options: dict[str, Any]) -> None:
        suffix = Path(options["file"]).suffix.lstrip(".")
        name = options["format"] or (suffix if suffix in resumable.FORMATS else "ndjson")
        quiet = options["verbosity"] == 0
        outcome = resumable.Outcome()

        def read() -> Iterator[Any]:
            if options["resume"]:
                file.seek(0)
            return resumable.items_of(file, name)

        with tqdm(unit=" predictions", unit_scale=True, disable=quiet or None) as bar:
            try:
                resumable.run(
                    project,
                    read,
                    batch_size=options["batch"],
                    upsert=options["upsert"],
                    resume=options["resume"],
                    advance=bar.update,
                    outcome=outcome,
                )
            except ValidationError as exc:
                raise CommandError(_told(exc, outcome)) from None
            except APIException as exc:
                raise CommandError(str(exc.detail)) from None
        audit.by_command(
            "predictions.imported",
            target=f"project {project.pk}",
            workspace_id=project.workspace_id,
            predictions=outcome.n_created,
        )
        if options["resume"]:
            self.stdout.write(f"{outcome.n_skipped} skipped: they had been imported before.")
        self.stdout.write(f"{outcome.n_created} predictions imported.")


def _told(exc: ValidationError, outcome: resumable.Outcome) -> str:
    reasons = "\n".join(str(reason) for reason in exc.get_full_details() and exc.detail)
    kept = outcome.n_committed
    return f"{reasons}\nNothing of this batch is stored; {kept} items before it are."
