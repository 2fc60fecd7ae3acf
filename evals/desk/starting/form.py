"""The form of a request for an evaluation: all that `ComputeSerializer` declares."""

from collections.abc import Mapping
from typing import Any

from desk.asking.form import Field, fields_of
from evals.api.serializers import ComputeSerializer
from evals.db.label_config import Chosen, choose
from evals.documents.refusals import Refusal
from evals.engine.kinds.table import KINDS
from evals.jobs.requests import OF_KINDS
from predictions.models import Project

#: Chosen by the page itself.
BY_PAGE = ("project", "modelVersion")
#: Shown from the start; the rest is folded away.
FIRST = ("taskType", "control", "groundTruth", "classes", "confidence")


def form_of(
    project: Project, values: Mapping[str, Any], errors: Mapping[str, Any]
) -> tuple[list[Field], list[Field]]:
    """The fields that are shown from the start, and the others. `values` are those of a request."""
    made = fields_of(
        ComputeSerializer(),
        values,
        errors,
        leave_out=BY_PAGE,
        offered={"control": list(project.parsed_label_config)},
        notes={name: f"Read by {', '.join(_readers(name))}." for name in OF_KINDS},
    )
    return [made[name] for name in FIRST], [made[name] for name in made if name not in FIRST]


def _readers(name: str) -> list[str]:
    return [kind.task_type for kind in KINDS.values() if name in kind.parameters]


def derived(project: Project) -> Chosen | str:
    """What is evaluated where neither task type nor control is chosen, or why nothing can be."""
    try:
        return choose(project, task_type=None, control=None)
    except Refusal as refusal:
        return refusal.detail
