"""`manage.py evaluate`: how good one model version's predictions of a project are."""

import json
import sys
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rest_framework.exceptions import ValidationError
from tqdm import tqdm

from accounts import audit
from evals.api.serializers import ComputeSerializer
from evals.documents.refusals import Refusal
from evals.engine.kinds.table import KINDS
from evals.engine.measures.texts import NORMALIZATIONS
from evals.jobs import requests
from evals.jobs.following import follow
from evals.models import GroundTruth, ModelEval
from predictions.models import Project
from predictions_api.wording import percent_done


class Command(BaseCommand):
    help = (
        "Evaluate the stored predictions of a model version against the project's ground truth. "
        "The last line printed is the evaluation's id."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, help="Slug or id.")
        parser.add_argument("--model-version", required=True)
        parser.add_argument("--workspace", help="Needed where a slug is not unique.")
        parser.add_argument("--version-id", help="How lists shall know it.")
        parser.add_argument("--model-id")
        parser.add_argument("--iou-threshold", type=float)
        parser.add_argument("--confidence", type=int, default=20, help="Percent.")
        parser.add_argument("--latency-ms", type=float, help="Median of an image, as you measured.")
        parser.add_argument("--task-type", choices=list(KINDS))
        parser.add_argument("--control", help="The one control whose regions are evaluated.")
        parser.add_argument(
            "--map-labels",
            type=_json_file,
            metavar="FILE",
            help="JSON object: what labels are called instead, null for those that are not read.",
        )
        parser.add_argument("--classes", nargs="+", help="Only these classes.")
        parser.add_argument("--tolerance", type=float, help="How far a number may be off.")
        parser.add_argument(
            "--normalization",
            choices=list(NORMALIZATIONS),
            help="What of two texts does not matter.",
        )
        parser.add_argument(
            "--ground-truth",
            choices=GroundTruth.values,
            help="Which annotations count: those marked as ground truth, or all.",
        )
        parser.add_argument(
            "--slice",
            dest="slices",
            action="append",
            metavar="KEY",
            help="Slice images by this key of their tasks, meta.camera or data.source; repeatable.",
        )
        parser.add_argument("--write-back", action="store_true")
        parser.add_argument(
            "--no-wait", action="store_true", help="Leave the work to `manage.py worker`."
        )

    def handle(self, *, no_wait: bool, **options: Any) -> None:
        project = _project(options["project"], options["workspace"])
        evaluation = _requested(project, options)
        audit.by_command(
            "evaluation.started",
            target=f"evaluation {evaluation.eval_id}",
            workspace_id=project.workspace_id,
        )
        if not no_wait:
            self._follow(evaluation)
        self.stdout.write(evaluation.eval_id)

    def _follow(self, evaluation: ModelEval) -> None:
        """Computes it here unless a worker was quicker; either way until it has ended."""
        with tqdm(total=100, unit="%", disable=not sys.stderr.isatty()) as bar:

            def show(progress: float) -> None:
                bar.update(percent_done(progress) - bar.n)

            follow(evaluation, show)
        if evaluation.status == ModelEval.Status.FAILED:
            raise CommandError(f"{evaluation.eval_id} failed: {evaluation.failure_reason}")


def _project(name: str, workspace: str | None) -> Project:
    projects = Project.objects.filter(workspace__slug=workspace) if workspace else Project.objects
    matching = list(projects.filter(slug=name)[:2])
    if not matching and name.isdigit():
        matching = list(projects.filter(pk=int(name)))
    if not matching:
        raise CommandError(f"There is no project {name!r}.")
    if len(matching) > 1:
        raise CommandError(f"Several workspaces have a project {name!r}: add --workspace.")
    return matching[0]


def _json_file(name: str) -> Any:
    try:
        return json.loads(Path(name).read_bytes())
    except (OSError, ValueError) as error:
        raise ArgumentTypeError(str(error)) from error


def _requested(project: Project, options: dict[str, Any]) -> ModelEval:
    wanted = {
        "project": str(project.pk),
        "modelVersion": options["model_version"],
        "versionId": options["version_id"],
        "modelId": options["model_id"],
        "iouThreshold": options["iou_threshold"],
        "confidence": options["confidence"],
        "taskType": options["task_type"],
        "control": options["control"],
        "tolerance": options["tolerance"],
        "normalization": options["normalization"],
        "groundTruth": options["ground_truth"],
        "slices": options["slices"],
        "labelMap": options["map_labels"],
        "classes": options["classes"],
        "medianLatencyMs": options["latency_ms"],
        "writeBack": options["write_back"],
    }
    serializer = ComputeSerializer(data={k: v for k, v in wanted.items() if v is not None})
    try:
        serializer.is_valid(raise_exception=True)
        return requests.create(serializer.validated_data, workspace_id=project.workspace_id)
    except (Refusal, ValidationError) as error:
        raise CommandError(str(error.detail)) from error
