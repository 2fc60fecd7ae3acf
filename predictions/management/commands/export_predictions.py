"""Writes a project's predictions to a file or to standard output."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError
from rest_framework.exceptions import APIException
from tqdm import tqdm

from accounts import audit
from predictions.db import prediction_lists
from predictions.db.documents import Document
from predictions.exports import formats
from predictions.filters.predictions import filter_of
from predictions.models import Project


class Command(BaseCommand):
    """`export_predictions FILE|- --project ID`."""

    help = "Export a project's predictions as JSON Lines, JSON, CSV or Parquet."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file, the project, and what of it."""
        parser.add_argument("file", help="a file, or - for standard output")
        parser.add_argument("--project", type=int, required=True, help="the project's id")
        parser.add_argument(
            "--format", choices=list(formats.WRITERS), help="by the file's name unless given"
        )
        parser.add_argument("--model-version", help="only this version")

    def handle(self, *args: Any, **options: Any) -> None:
        """CommandError for an unknown project or a file that cannot be written."""
        project = Project.objects.filter(pk=options["project"]).first()
        if project is None:
            raise CommandError(f"There is no project {options['project']}.")
        query = {"project": str(project.pk)}
        if options["model_version"] is not None:
            query["model_version"] = options["model_version"]
        wanted = filter_of(query, workspace_id=project.workspace_id)
        total = prediction_lists.count(wanted)
        suffix = Path(options["file"]).suffix.lstrip(".")
        write, _ = formats.WRITERS[
            options["format"] or (suffix if suffix in formats.WRITERS else "ndjson")
        ]
        audit.by_command(
            "predictions.exported",
            target=f"project {project.pk}",
            workspace_id=project.workspace_id,
            predictions=total,
        )
        quiet = options["verbosity"] == 0
        try:
            with ExitStack() as stack:
                bar = stack.enter_context(
                    tqdm(total=total, unit=" predictions", unit_scale=True, disable=quiet or None)
                )
                pieces = write(counted(prediction_lists.stream(wanted), bar))
                file: IO[bytes] = sys.stdout.buffer
                if options["file"] != "-":
                    file = stack.enter_context(Path(options["file"]).open("wb"))
                for piece in pieces:
                    file.write(piece)
        except OSError as exc:
            raise CommandError(str(exc)) from None
        except APIException as exc:
            raise CommandError(str(exc.detail)) from None
        self.stderr.write(f"{total} predictions exported.")


def counted(chunks: Iterator[list[Document]], bar: Any) -> Iterator[list[Document]]:
    """The same chunks, while the bar moves."""
    for chunk in chunks:
        yield chunk
        bar.update(len(chunk))
