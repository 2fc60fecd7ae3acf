"""A project as a backend is told of it."""

import zlib
from typing import Any

from predictions.api.serializers import ProjectSerializer
from predictions.db.projects import project_totals
from predictions.models import Project

KEYS = (
    "id", "task_number", "finished_task_number", "total_predictions_number",
    "total_annotations_number", "num_tasks_with_annotations", "useful_annotation_number",
    "ground_truth_number", "skipped_annotations_number", "title", "description", "label_config",
    "parsed_label_config", "label_config_hash", "expert_instruction", "show_instruction",
    "show_skip_button", "enable_empty_annotation", "reveal_preannotations_interactively",
    "show_annotation_history", "show_collab_predictions", "evaluate_predictions_automatically",
    "token", "result_count", "color", "maximum_annotations", "min_annotations_to_start_training",
    "control_weights", "model_version", "data_types", "is_draft", "is_published", "created_at",
    "updated_at", "sampling", "skip_queue", "show_ground_truth_first",
    "annotator_evaluation_enabled", "show_overlap_first", "overlap_cohort_percentage",
    "task_data_login", "task_data_password", "pinned_at", "custom_task_lock_ttl", "deleted_at",
    "purge_at", "search_vector", "organization", "created_by", "deleted_by",
)  # fmt: skip


def document(project: Project) -> dict[str, Any]:
    """The project with the counts of this moment, keys in Label Studio's order; what there is no
    such thing of here is null.
    """
    known: dict[str, Any] = {
        **dict(ProjectSerializer(project).data),
        **project_totals(project.pk),
        "parsed_label_config": project.parsed_label_config,
        "label_config_hash": zlib.crc32(project.label_config.encode()),
        "result_count": 0,
        "control_weights": project.control_weights,
        "data_types": _data_types(project.parsed_label_config),
        "created_at": project.created_at,
        "updated_at": project.updated_at,
        "organization": project.workspace_id,
        "created_by": project.created_by_id,
    }
    return {key: known.get(key) for key in KEYS}


def _data_types(controls: dict[str, Any]) -> dict[str, str]:
    """The object tag of each variable."""
    inputs = [one for control in controls.values() for one in control.get("inputs", [])]
    return {one["value"]: one["type"] for one in inputs if "value" in one and "type" in one}
