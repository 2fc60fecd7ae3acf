"""Writes ground truth, or one model version's predictions, as another tool's data set."""

import shutil
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rest_framework.exceptions import APIException
from tqdm import tqdm

from accounts import audit
from accounts.models import Workspace
from predictions.db.versions import OneVersion
from predictions.exports import dataset
from predictions.exports.dataset import DataSet
from predictions.imports.datasets.targets import project_or_title
from predictions.models import Project


class Command(BaseCommand):
    """`dump FORMAT DIR|FILE --project P [--model-version V | --ground-truth]`."""

    help = "Write ground truth, or a model version's predictions, as another tool's data set."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The format, where it goes, and what of which project."""
        parser.add_argument("format", choices=list(dataset.FORMATS))
        parser.add_argument(
            "target",
            help="a new folder, or a .zip file of it; for a format of one file a file, or a folder"
            " that is there",
        )
        parser.add_argument("-P", "--project", required=True, help="its id, slug or title")
        parser.add_argument(
            "--workspace", help="where a slug or a title is looked for (default: default)"
        )
        side = parser.add_mutually_exclusive_group()
        side.add_argument("--model-version", help="needed where the project has several")
        side.add_argument("--ground-truth", action="store_true", help="instead of predictions")

    def handle(self, *args: Any, **options: Any) -> None:
        """CommandError for an unknown project or version, for what the format cannot hold, and for
        a place that cannot be written; then nothing is there that was not there before.
        """
        target = Path(options["target"])
        quiet = options["verbosity"] == 0
        try:
            project = _project(str(options["project"]), options["workspace"])
            wanted = DataSet(project, options["format"], _version(project, options))
            with tqdm(total=wanted.count(), unit=" tasks", disable=quiet or None) as bar:
                written = _write(wanted, target, bar.update)
        except OSError as exc:
            raise CommandError(str(exc)) from None
        except APIException as exc:
            raise CommandError(_sentence(exc.detail)) from None
        audit.by_command(
            "predictions.exported",
            target=f"project {project.pk}",
            workspace_id=project.workspace_id,
            **wanted.details,
        )
        self.stdout.write(str(written))


def _project(name: str, slug: str | None) -> Project:
    """By its id, which no two workspaces share, or by slug or title in a workspace."""
    if slug is None and name.isdecimal() and len(name) < 19:
        found = Project.objects.filter(pk=int(name)).first()
        if found is not None:
            return found
    workspace = Workspace.objects.filter(slug=slug or "default").first()
    if workspace is None:
        raise CommandError(f"There is no workspace {slug or 'default'!r}.")
    project = project_or_title(name, workspace_id=workspace.pk)
    if isinstance(project, str):
        raise CommandError(f"There is no project {name!r}.")
    return project


def _version(project: Project, options: dict[str, Any]) -> OneVersion | None:
    if options["ground_truth"]:
        return None
    asked = options["model_version"]
    return dataset.version_of(project, None if asked is None else OneVersion(asked))


def _write(wanted: DataSet, target: Path, advance: dataset.Advance) -> Path:
    """Writes it beside its place, then moves it there; where that is."""
    if wanted.is_folder and target.suffix != ".zip":
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise CommandError(f"{target} is there already: name a new or an empty folder.")
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".dump-") as folder:
            made = Path(folder, "made")
            made.mkdir()
            dataset.write_folder(wanted, made, advance)
            made.replace(target)
        return target
    if target.is_dir():
        target = target / f"{wanted.name}.{wanted.suffix}"
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".dump-") as folder:
        made = Path(folder, "made")
        with dataset.open_file(wanted, advance) as file, made.open("wb") as copy:
            shutil.copyfileobj(file, copy)
        made.replace(target)
    return target


def _sentence(detail: Any) -> str:
    """The first message of a refusal."""
    while isinstance(detail, dict | list):
        detail = next(iter(detail.values() if isinstance(detail, dict) else detail))
    return str(detail)
