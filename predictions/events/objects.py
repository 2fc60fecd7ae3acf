"""Projects, tasks and annotations as Label Studio's webhooks have them: other keys, in another
order, than its routes.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from predictions.api.serializers import ProjectSerializer
from predictions.db.documents import Document
from predictions.db.projects import project_totals
from predictions.models import Project
from predictions.regions.config import read_config
from predictions_api.http.rendering import dumps
from predictions_api.http.storable import json_value

PROJECT_KEYS = (
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
TASK_KEYS = (
    "id", "data", "meta", "created_at", "updated_at", "is_labeled", "allow_skip", "overlap",
    "inner_id", "total_annotations", "cancelled_annotations", "total_predictions",
    "precomputed_agreement", "comment_count", "unresolved_comment_count",
    "last_comment_updated_at", "project", "updated_by", "file_upload", "comment_authors",
)  # fmt: skip
ANNOTATION_KEYS = (
    "id", "result", "was_cancelled", "ground_truth", "created_at", "updated_at",
    "draft_created_at", "lead_time", "prediction", "result_count", "unique_id", "import_id",
    "last_action", "bulk_created", "task", "project", "completed_by", "updated_by",
    "parent_prediction", "parent_annotation", "last_created_by",
)  # fmt: skip


def project(row: Project) -> Document:
    """A project with its counts. One statement."""
    known = {
        **ProjectSerializer(row).data,
        **project_totals(row.pk),
        "updated_at": row.updated_at,
        "created_by": row.created_by_id,
        "label_config_hash": _hash(row.label_config),
        "data_types": {
            one.path[0]: one.tag for one in read_config(row.label_config).objects if one.path
        },
        "result_count": 0,
    }
    # What it has no value for is null: tokens and passwords above all.
    return {name: known.get(name) for name in PROJECT_KEYS}


def _hash(text: str) -> int:
    """A whole number of 64 bits that changes with the text."""
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def task(document: Document) -> Document:
    """A task, from the document of its routes."""
    known = {**document, "allow_skip": True, "precomputed_agreement": None}
    return {name: known[name] for name in TASK_KEYS}


def annotation(document: Document, shown_first: Mapping[int, Document]) -> Document:
    """An annotation, from the document of its routes; `shown_first` are predictions by task."""
    # As it is stored, it may be text that nobody has parsed.
    result: Any = json_value(dumps(document["result"]))
    shown = shown_first.get(document["task"], {})
    known = {
        **document,
        "result_count": len(result) if isinstance(result, list) else 0,
        # In the order of keys that Label Studio's database gives it.
        "prediction": {
            name: shown[name] for name in sorted(shown, key=lambda name: (len(name), name))
        },
    }
    return {name: known[name] for name in ANNOTATION_KEYS}
