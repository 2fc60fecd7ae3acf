"""The types that a project can be exported as, described as Label Studio lists them."""

from typing import Any

from predictions.exports.project import TYPES, suiting
from predictions.models import Project

OBJECTS = ["image segmentation", "object detection"]
MASKS = ["image segmentation"]
#: A title and a description of each type, and what it is used for.
DESCRIBED: dict[str, tuple[str, str, list[str]]] = {
    "JSON": ("JSON", "Tasks with their whole predictions or annotations, as they are stored.", []),
    "JSON_MIN": ("JSON-MIN", "A record for each annotation or prediction: data and labels.", []),
    "CSV": ("CSV", "A row for each annotation or prediction, comma-separated.", []),
    "TSV": ("TSV", "A row for each annotation or prediction, tab-separated.", []),
    "COCO": ("COCO", "One JSON file of images, categories, boxes and polygons.", OBJECTS),
    "VOC": ("Pascal VOC XML", "One XML file of boxes for each image.", OBJECTS),
    "YOLO": ("YOLO", "One text file of boxes or polygons for each image.", OBJECTS),
    "YOLO_OBB": ("YOLOv8 OBB", "One text file of rotated boxes for each image.", OBJECTS),
    "BRUSH_TO_PNG": ("Brush labels to PNG", "One PNG image for each mask.", MASKS),
    "BRUSH_TO_NUMPY": ("Brush labels to NumPy", "One NumPy array for each mask.", MASKS),
    "BRUSH_TO_COCO": ("Brush labels to COCO", "One JSON file of run-length masks.", MASKS),
}


def offered(project: Project) -> list[dict[str, Any]]:
    """Every type: those that suit the project's labelling config first, the others `disabled`."""
    suits = suiting(project)
    others = [name for name in TYPES if name not in suits]
    return [
        *(_document(name) for name in suits),
        *({**_document(name), "disabled": True} for name in others),
    ]


def _document(name: str) -> dict[str, Any]:
    title, description, tags = DESCRIBED[name]
    return {"title": title, "description": description, "tags": tags, "name": name}
