"""What the grid can be filtered and ordered by, in words."""

from predictions.db.curation.cards import Offered
from predictions.desk.grid.offers import Column, Columns, columns_of

OF_TASKS = Columns(
    "Task",
    [
        Column("id", "Id"),
        Column("inner_id", "Number within the project"),
        Column("tags", "Tags"),
        Column("created_at", "Created"),
        Column("updated_at", "Changed"),
    ],
)
OF_PREDICTIONS = Columns(
    "Predictions and ground truth",
    [
        Column("predictions_model_versions", "Model version"),
        Column("score", "Score of a prediction"),
        Column("predictions_score", "Mean score"),
        Column("total_predictions", "Predictions"),
        Column("total_annotations", "Annotations"),
        Column("ground_truth", "Has ground truth (true, false)"),
        Column("predictions_results", "Text of predictions"),
        Column("annotations_results", "Text of annotations"),
    ],
)
#: Lists and texts without an order.
UNORDERED = frozenset(
    {
        "tags",
        "predictions_model_versions",
        "score",
        "ground_truth",
        "predictions_results",
        "annotations_results",
    }
)


def offered_columns(project_id: int, offered: Offered, used: list[str]) -> list[Columns]:
    """All columns under their headings; those that are in use, but nowhere else, come last."""
    found = [
        OF_TASKS,
        Columns("Data", [Column(f"data.{name}", name) for name in offered.data]),
        Columns("Meta", [Column(f"meta.{name}", name) for name in offered.meta]),
        OF_PREDICTIONS,
        *columns_of(project_id),
    ]
    known = {column.name for columns in found for column in columns.columns}
    others = [Column(name, name) for name in dict.fromkeys(used) if name and name not in known]
    return [columns for columns in (*found, Columns("In use", others)) if columns.columns]


def ordered_columns(columns: list[Columns]) -> list[Columns]:
    """Those of them that tasks can be ordered by."""
    kept = (
        Columns(title, [one for one in some if one.name not in UNORDERED])
        for title, some in columns
    )
    return [columns for columns in kept if columns.columns]
