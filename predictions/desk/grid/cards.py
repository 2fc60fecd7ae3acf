"""A task as a card of the grid: as what it is, with what is predicted and what is true."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from predictions.db.curation.cards import TaskCard
from predictions.desk.drawing import SHAPES, Drawn, drawn, shown_data
from predictions.models import Project
from predictions.pictures.addresses import shown_at
from predictions.pictures.inline import DATA_IMAGE
from predictions_api.wording import number

#: Regions of each side that are drawn, or told in words.
MOST_DRAWN = 300
MOST_TOLD = 12
#: Characters of a task's text, and of other facts of its data.
MOST_TEXT = 320
MOST_FACT = 80
MOST_FACTS = 6
TEXTS = frozenset({"text", "hypertext", "paragraphs"})


@dataclass(frozen=True, slots=True)
class Card:
    """What the page shows of a task."""

    task: TaskCard
    url: str
    #: `image`, `text`, `audio`, `video` or `data`.
    kind: str
    #: Of an image, a sound or a film its address; None where a browser cannot have it.
    address: str | None
    text: str
    #: Of other tasks the first fields of their data.
    facts: list[tuple[str, str]]
    #: What is predicted, and what is true, as far as it is not drawn.
    said: str
    truth: str
    regions: list[Drawn]
    alt: str

    @property
    def document(self) -> dict[str, Any]:
        """For the page's script, which draws it."""
        return {"image": self.address, "alt": self.alt, "regions": self.regions}


def card(task: TaskCard, project: Project, kept: str) -> Card:
    """The card of a task; `kept` is the query of its page, the grid's own, for its neighbours."""
    config = project.parsed_label_config
    kind, key = _kind(config, task.data)
    predicted = _drawn(task.result, "prediction", task.score)
    true = _drawn(task.truth, "ground_truth", None)
    value = str(task.data.get(key, "")) if key else ""
    return Card(
        task=task,
        url=reverse("admin:predictions_task_review", args=[task.id]) + kept,
        kind=kind,
        address=_address(project.pk, task.id, key, value) if kind in MEDIA else None,
        text=_cut(value, MOST_TEXT) if kind == "text" else "",
        facts=_facts(task.data, key) if kind == "data" else [],
        said=_told(predicted),
        truth=_told(true),
        regions=[one for one in (*predicted, *true) if one["kind"] in SHAPES],
        alt=f"Task {task.id} with"
        f" {_counted(task.prediction_id, task.result, predicted)} predicted,"
        f" {_counted(task.truth_id, task.truth, true)} true regions",
    )


MEDIA = frozenset({"image", "audio", "video"})


def _kind(config: Any, data: Mapping[str, Any]) -> tuple[str, str | None]:
    """What a task is, and under which key of its data that stands."""
    controls = config.values() if isinstance(config, Mapping) else ()
    for given in (
        given
        for control in controls
        if isinstance(control, Mapping)
        for given in control.get("inputs") or ()
        if isinstance(given, Mapping)
    ):
        key, tag = str(given.get("value")), str(given.get("type", "")).lower()
        kind = "text" if tag in TEXTS else tag
        if key in data and kind in {*MEDIA, "text"}:
            return kind, key
    image, texts = shown_data(data, config if isinstance(config, Mapping) else {})
    if image is not None:
        return "image", next(key for key, value in data.items() if value == image)
    return ("text", texts[0][0]) if len(texts) == 1 else ("data", None)


def _address(project_id: int, task_id: int, key: str | None, value: str) -> str | None:
    """An address for a browser: of a picture that stands in its task, one of its own."""
    if not DATA_IMAGE.match(value):
        return shown_at(value, task_id) or None
    url = reverse("admin:predictions_project_picture", args=[project_id, task_id])
    return f"{url}?{urlencode({'key': key})}"


def _drawn(result: Any, side: str, score: float | None) -> list[Drawn]:
    regions = result[:MOST_DRAWN] if isinstance(result, list) else []
    return drawn(regions, side=side, score=score)


def _told(regions: list[Drawn]) -> str:
    """What is not drawn, in words: choices, texts, numbers, passages with their names."""
    told = []
    for region in regions:
        if region["kind"] != "text":
            continue
        values = ", ".join(region["values"])
        told.append(f"{region['label']}: {values}" if region["label"] else values)
    more = "; …" if len(told) > MOST_TOLD else ""
    return _cut("; ".join(told[:MOST_TOLD]), MOST_TEXT) + more


def _counted(pk: int | None, result: Any, regions: list[Drawn]) -> str:
    """How many are drawn, in words. Of one that is cut, or too large to be read, nobody knows."""
    if pk is not None and result is None:
        return "very many"
    n = number(sum(region["kind"] in SHAPES for region in regions))
    return f"at least {n}" if isinstance(result, list) and len(result) > MOST_DRAWN else n


def _facts(data: Mapping[str, Any], key: str | None) -> list[tuple[str, str]]:
    fields = [(name, value) for name, value in data.items() if name != key]
    return [(_cut(name, MOST_FACT), _cut(str(value), MOST_FACT)) for name, value in fields][
        :MOST_FACTS
    ]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"
