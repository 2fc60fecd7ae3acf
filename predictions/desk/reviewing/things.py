"""What a task is made of, as a page shows it: pictures, texts, recordings, and data. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from predictions.pictures.addresses import shown_at
from predictions.regions.config import Config, ObjectTag
from predictions.regions.task_data import value_at

Thing = dict[str, Any]

KINDS = {
    "Image": "image",
    "Audio": "audio",
    "AudioPlus": "audio",
    "Video": "video",
    "Text": "text",
    "HyperText": "text",
}
#: What a browser loads by its address.
MEDIA = frozenset({"image", "audio", "video"})
#: Pages of one object that are shown.
MOST_PAGES = 50


def things_of(data: Any, config: Config, task_id: int) -> list[Thing]:
    """The objects of the config with their values, and then whatever else the data holds.

    Each is {name, kind, value}: `kind` is image, audio or video with an address, `images` with a
    list of them, text with a text, or data with any JSON. Data without a config are what they look
    like.
    """
    values = data if isinstance(data, Mapping) else {}
    found, used = [], set()
    for tag, name, path in _objects(config, values):
        value = value_at(values, path) if path else None
        if value is None:
            continue
        used |= {path[0], ".".join(path)}
        found.append(_thing(name, _kind(tag, value), value, task_id))
    for key, value in values.items():
        if key not in used:
            kind = "data" if config.objects else _look(value)
            found.append(_thing(str(key), kind, value, task_id))
    return found


def _thing(name: str, kind: str, value: Any, task_id: int) -> Thing:
    value = value[:MOST_PAGES] if isinstance(value, list) else value
    if kind == "images":
        value = [shown_at(page, task_id) for page in value]
    elif kind in MEDIA:
        value = shown_at(value, task_id)
    return {"name": name, "kind": kind, "value": value}


def _objects(
    config: Config, data: Mapping[str, Any]
) -> Iterator[tuple[ObjectTag, str, tuple[str, ...]]]:
    """Each object with its name and the way to its value; those of a Repeater once an entry."""
    for tag in config.objects:
        if not tag.flag:
            yield tag, tag.name, tag.path
            continue
        for at in range(repeated(tag, data)):
            path = tuple(step.replace(tag.flag, str(at)) for step in tag.path)
            yield tag, tag.name.replace(tag.flag, str(at)), path


def repeated(tag: ObjectTag, data: Any) -> int:
    """Entries that the Repeater around an object goes over, MOST_PAGES at most; 0 for no list."""
    entries = value_at(data, tag.over) if tag.over else None
    return min(len(entries), MOST_PAGES) if isinstance(entries, list) else 0


def _kind(tag: ObjectTag, value: Any) -> str:
    kind = KINDS.get(tag.tag, "data")
    if kind == "image" and isinstance(value, list):
        return "images" if all(isinstance(page, str) for page in value) else "data"
    return kind if isinstance(value, str) else "data"


def _look(value: Any) -> str:
    """Of data that no config explains."""
    if not isinstance(value, str):
        return "data"
    path = value.lower().partition("?")[0]
    if value.startswith("data:image/") or path.endswith(
        (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff")
    ):
        return "image"
    return "text"
