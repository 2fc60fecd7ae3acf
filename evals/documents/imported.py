"""The file of an evaluation that was computed elsewhere, as routes and commands take it."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType, field

from evals.documents.document import Document


class ImportedReport(Document):
    """The images at one confidence, in the shape of the image-predictions route."""

    confidence: Annotated[int, Meta(description="Percent.")]
    image_results: list[dict[str, Any]] = field(name="image_results")
    total_images: int | UnsetType = UNSET


class ImportedFile(Document):
    """The keys of the file but for the panels, which are bodies of their routes."""

    version_id: str
    classes: Annotated[list[str], Meta(description="Without background.")]
    reports: list[ImportedReport]
    project: Annotated[str | UnsetType, Meta(description="Slug or id.")] = UNSET
    model_id: str | UnsetType = UNSET
    task_type: str | UnsetType = UNSET
    confidence: Annotated[
        int | UnsetType, Meta(description="The canonical one; the first report's unless given.")
    ] = UNSET
    iou_threshold: float | UnsetType = UNSET
    median_latency_ms: float | UnsetType = UNSET
    confusion_matrices: Annotated[
        list[dict[str, Any]] | UnsetType,
        Meta(description="Bodies of that route: the images are checked against them."),
    ] = UNSET
