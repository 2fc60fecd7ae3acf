"""Loads files of ground truth and detections, and evaluates them."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from rest_framework.exceptions import APIException, ValidationError
from tqdm import tqdm

from accounts import audit
from accounts.models import Workspace
from predictions.db.projects import Author
from predictions.formats.content import Ask
from predictions.formats.errors import BadFile
from predictions.formats.sources import Source, open_path
from predictions.formats.table import FORMATS
from predictions.imports.datasets import evaluation, pictures, recognition, targets
from predictions.imports.datasets.reading import Files
from predictions.imports.datasets.store import store
from predictions.imports.datasets.wishes import Loaded, Wishes
from predictions_api.wording import percent_done, plural


class Command(BaseCommand):
    """`load [FORMAT] --ground-truth FILE --predictions FILE --project P --model-version V`."""

    help = (
        "Load a file of ground truth, a file of predictions or both into a project, all or nothing."
        " The last line printed is the evaluation's id, else the project's."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The files, the project, and how."""
        parser.add_argument(
            "format",
            nargs="?",
            metavar="FORMAT",
            help=f"{', '.join(FORMATS)}; looked for in the files unless given. Or a file, whose"
            " format is looked for",
        )
        parser.add_argument(
            "--ground-truth", type=Path, metavar="FILE", help="what is really there"
        )
        parser.add_argument(
            "--predictions", type=Path, metavar="FILE", help="what the model said, with its scores"
        )
        parser.add_argument(
            "--predictions-format",
            choices=list(FORMATS),
            metavar="FORMAT",
            help="where the predictions are in another format than the ground truth",
        )
        parser.add_argument(
            "-P",
            "--project",
            required=True,
            help="an id, a slug or a title, which makes the project if none has it",
        )
        parser.add_argument("--workspace", default="default", help="its slug (default: default)")
        parser.add_argument("--model-version", help="whose predictions they are")
        parser.add_argument(
            "--images",
            metavar="DIR|URL",
            help="where the pictures are: a folder, which is registered and served, or an address"
            " that is put before each name",
        )
        parser.add_argument(
            "--missing-images",
            choices=["error", "ok"],
            default="error",
            help="`ok` takes names that have no file in the folder of pictures",
        )
        parser.add_argument("--split", help="train, valid or test, instead of the file's own")
        parser.add_argument(
            "--shapes",
            choices=["boxes", "masks", "keypoints"],
            help="which form is read of objects in several, of coco and lvis; of yolo masks",
        )
        parser.add_argument(
            "--category-offset",
            type=int,
            metavar="N",
            help="added to class numbers of predictions, of coco and lvis",
        )
        parser.add_argument(
            "--map-labels",
            type=Path,
            metavar="FILE",
            help="JSON: names of the predictions' classes to names here, null for those not read",
        )
        parser.add_argument(
            "--image-column",
            metavar="NAME",
            help="what names the image, of supervision and inference",
        )
        for name, default in (("truth", "ground_truth"), ("predictions", "predictions")):
            parser.add_argument(
                f"--{name}-field",
                metavar="NAME",
                help=f"of fiftyone: the field that holds them, unless it is {default}",
            )
        parser.add_argument(
            "--replace-ground-truth",
            action="store_true",
            help="puts the file's ground truth in the place of another one that is there",
        )
        parser.add_argument(
            "--add-labels",
            action="store_true",
            help="adds classes that the project lacks to its labelling config",
        )
        parser.add_argument(
            "--evaluate", action="store_true", help="evaluates the model version afterwards"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """CommandError with every error by place, or why what is stored cannot be evaluated."""
        workspace = Workspace.objects.filter(slug=options["workspace"]).first()
        if workspace is None:
            raise CommandError(f"There is no workspace {options['workspace']!r}.")
        if options["evaluate"] and not options["model_version"]:
            raise CommandError("--evaluate needs --model-version.")
        try:
            to = targets.project_or_title(options["project"], workspace_id=workspace.pk)
            loaded = self._load(options, to, Author(workspace.pk, None))
        except ValidationError as exc:
            raise CommandError("\n".join([*_reasons(exc), "Nothing is stored."])) from None
        except BadFile as exc:
            raise CommandError("\n".join(map(str, exc.errors))) from None
        except APIException as exc:
            raise CommandError(str(exc.detail)) from None
        self._tell(loaded)
        try:
            started = self._evaluate(loaded, options) if options["evaluate"] else None
        except ValidationError as exc:
            told = [*_reasons(exc), "The files are stored; the evaluation is not."]
            raise CommandError("\n".join(told)) from None
        self.stdout.write(str(started["evalId"] if started else loaded.project.pk))

    def _load(self, options: dict[str, Any], to: Any, author: Author) -> Loaded:
        truth = _opened(options["ground_truth"])
        predictions = _opened(options["predictions"])
        name = options["format"]
        if name is not None and name not in FORMATS:
            truth, predictions = _with_file(name, truth, predictions)
            name = None
        name, note = recognition.format_of(name, truth, predictions)
        if note:
            self.stderr.write(note)
        other = options["predictions_format"]
        files = Files(
            format=FORMATS[name],
            truth=truth,
            predictions=predictions,
            predictions_format=FORMATS[other] if other else None,
            ask=Ask(
                shapes=options["shapes"],
                category_offset=options["category_offset"],
                image_column=options["image_column"],
                truth_field=options["truth_field"],
                predictions_field=options["predictions_field"],
                label_map=_label_map(options["map_labels"]),
            ),
        )
        quiet = options["verbosity"] == 0
        bar = tqdm(unit=" tasks", unit_scale=True, disable=quiet or None)
        # One transaction: a folder that is registered for a load that fails is not.
        with bar, transaction.atomic():
            wishes = Wishes(
                model_version=options["model_version"],
                split=options["split"],
                pictures=_pictures(options["images"], author),
                missing_pictures_ok=options["missing_images"] == "ok",
                replaces_truth=options["replace_ground_truth"],
                adds_labels=options["add_labels"],
                advance=bar.update,
            )
            loaded = store(files, to, author, wishes)
            audit.by_command(
                "dataset.loaded",
                target=f"project {loaded.project.pk}",
                workspace_id=author.workspace_id,
                format=name,
                tasks=loaded.n_new_tasks,
                ground_truth=loaded.n_truths,
                predictions=loaded.n_predictions,
            )
        return loaded

    def _tell(self, loaded: Loaded) -> None:
        for warning in loaded.warnings:
            self.stderr.write(f"Warning: {warning}")
        made = "made" if loaded.is_new else "filled"
        found = loaded.found
        self.stdout.write(
            f"Project {loaded.project.pk} ({loaded.project}) {made}:"
            f" {_counted(found['images'], 'image')},"
            f" {_counted(found['categories'], 'class', 'classes')},"
            f" {_counted(loaded.n_new_tasks, 'new task')},"
            f" {_counted(loaded.n_truths, 'ground truth')},"
            f" {_counted(loaded.n_predictions, 'prediction')}."
        )

    def _evaluate(self, loaded: Loaded, options: dict[str, Any]) -> dict[str, Any] | None:
        quiet = options["verbosity"] == 0
        with tqdm(total=100, unit="%", disable=quiet or None) as bar:
            return evaluation.start(
                loaded.project,
                options["model_version"].strip(),
                watch=lambda share: bar.update(percent_done(share) - bar.n),
            )


def _counted(n: int, one: str, several: str = "") -> str:
    return f"{n} {plural(n, one, several)}"


def _pictures(images: str | None, author: Author) -> pictures.Pictures:
    if images is None or pictures.is_address(images):
        return pictures.pictures_at(images, workspace_id=author.workspace_id)
    return pictures.pictures_in(images, workspace_id=author.workspace_id)


def _opened(path: Path | None) -> Source | None:
    return None if path is None else open_path(path)


def _with_file(
    name: str, truth: Source | None, predictions: Source | None
) -> tuple[Source | None, Source | None]:
    """The file beside the other one; alone it is ground truth, unless it is a list of results."""
    path = Path(name)
    if not path.exists():
        known = ", ".join(FORMATS)
        raise CommandError(f"{name!r} is neither a format nor a file. Formats: {known}.")
    if truth is not None and predictions is not None:
        raise CommandError(f"{name!r} is a third file.")
    source = open_path(path)
    if truth is not None or (predictions is None and recognition.is_list_of_results(source)):
        return truth, source
    return source, predictions


def _label_map(path: Path | None) -> dict[str, str | None]:
    if path is None:
        return {}
    try:
        found = orjson.loads(path.read_bytes())
    except (OSError, json.JSONDecodeError) as exc:
        raise CommandError(f"{path}: {exc}") from None
    return targets.label_map(found)


def _reasons(exc: ValidationError) -> list[str]:
    detail = exc.detail
    reasons = detail if isinstance(detail, list) else [f"{k}: {v}" for k, v in detail.items()]
    return list(map(str, reasons))
