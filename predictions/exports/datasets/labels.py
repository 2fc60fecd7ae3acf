"""A table with a row a task: what is classified, its labels with `;` between them, and of a version
the score. What else a task's data has stands in columns of its own.
"""

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from predictions.exports.datasets.items import (
    CERTAIN,
    Item,
    NotHeld,
    address,
    refuse_padded,
)
from predictions.exports.types.given import Region
from predictions.exports.types.objects import text_of
from predictions.regions.config import Aliases, Control, ObjectTag, aliases_among, read_config
from predictions.regions.labels import PassedOver, read_names, region_score
from predictions.regions.task_data import value_at
from predictions_api.http.rendering import dumps, harmless_cell

SEPARATOR = ";"
COLUMNS = {"Image": "image", "Text": "text"}
ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class ChoiceScheme:
    """The one question of a labelling config, and what it is about."""

    control: Control
    about: ObjectTag
    aliases: Aliases
    #: Names of the config's other controls.
    others: frozenset[str]

    def reads(self, region: Region) -> bool:
        """Whether the region is an answer to the question, as evaluations have it."""
        return region.get("type") == "choices" and str(region.get("from_name")) not in self.others

    @property
    def column(self) -> str:
        """Of what is classified."""
        return COLUMNS[self.about.tag]


def scheme_of(label_config: str) -> ChoiceScheme | None:
    """None for a config without choices about one image or text, or with several of them."""
    config = read_config(label_config)
    asked = [one for one in config.controls if one.tag.tag == "Choices" and not one.is_per_region]
    if len(asked) != 1 or len(asked[0].to_names) != 1:
        return None
    about = next((one for one in config.objects if one.name in asked[0].to_names), None)
    if about is None or about.tag not in COLUMNS or about.is_list or about.flag:
        return None
    others = frozenset(one.name for one in config.controls) - {asked[0].name}
    return ChoiceScheme(asked[0], about, aliases_among(config, asked), others)


def pieces(
    found: Iterable[Item], scheme: ChoiceScheme, *, is_prediction: bool, escape: bool = False
) -> Iterator[bytes]:
    """The file (RFC 4180). Rows wait on disk until all columns are known.

    With `escape` no cell is a formula to a spreadsheet; without, programs read what was stored.
    """
    own = (scheme.column, "label", "score") if is_prediction else (scheme.column, "label")
    others: dict[str, None] = {}
    has_scores = False
    with tempfile.TemporaryFile() as file:
        for item in found:
            row = _row(item, scheme, own)
            others.update(dict.fromkeys(name for name in row if name not in own))
            has_scores = has_scores or (is_prediction and bool(row["score"]))
            file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
        file.seek(0)
        text = io.StringIO()
        writer = csv.writer(text)
        names = [*own, *others]
        shown = harmless_cell if escape else str
        # Readers, ours too, tell by the header what separates cells: quoted ones do not.
        is_torn = any(letter in name for name in names for letter in ";\t")
        header = csv.writer(text, quoting=csv.QUOTE_ALL) if is_torn else writer
        header.writerow(map(shown, names))
        for number, line in enumerate(file, 1):
            row = orjson.loads(line)
            if has_scores and row["label"] and not row["score"]:
                # Readers take no table in which some rows have a score.
                row["score"] = text_of(CERTAIN)
            writer.writerow([shown(row.get(name, "")) for name in names])
            if number % ROWS_AT_ONCE == 0:
                yield text.getvalue().encode()
                text.seek(0)
                text.truncate()
        yield text.getvalue().encode()


def _row(item: Item, scheme: ChoiceScheme, own: tuple[str, ...]) -> dict[str, str]:
    key = scheme.about.path[0] if scheme.about.path else ""
    data = {name: _cell(value) for name, value in item.task["data"].items() if name != key}
    value = value_at(item.task["data"], scheme.about.path)
    # A text may be a number there, as imports of tables make it.
    about = _cell(value) if scheme.column == "text" else address(item.task, scheme.about.path)
    told = (item.task["meta"] or {}).get("image_name")
    if scheme.column == "image" and isinstance(told, str) and told:
        about = told
    if clash := sorted(data.keys() & set(own)):
        raise NotHeld(f"Task {item.task['id']}: its data has a {clash[0]!r}, as the file has.")
    labels, score = _answer(item, scheme)
    row = {scheme.column: about, "label": SEPARATOR.join(labels)}
    if item.given.is_prediction:
        row["score"] = "" if score is None else text_of(score)
    return {**row, **data}


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else dumps(value).decode()


def _answer(item: Item, scheme: ChoiceScheme) -> tuple[list[str], float | None]:
    """The labels, and the score they share. `NotHeld` where they have several."""
    labels: dict[str, None] = {}
    scores: dict[float | None, None] = {}
    for region in item.given.regions:
        if not scheme.reads(region):
            continue
        try:
            names, score = _labels(region, scheme), _score(region, item)
        except PassedOver:
            continue
        for label in names:
            if SEPARATOR in label:
                raise NotHeld(f"{item.place_of(region)}: {label!r:.100} has a {SEPARATOR!r}.")
            refuse_padded(label, item.place_of(region))
            labels[label] = None
            scores[score] = None
    if item.given.is_prediction and len(scores) > 1:
        raise NotHeld(
            f"Task {item.task['id']}, prediction {item.given.id}: its labels have several scores,"
            " a row has one."
        )
    return list(labels), next(iter(scores), item.given.score)


def _labels(region: Region, scheme: ChoiceScheme) -> list[str]:
    """`PassedOver` for what is no label."""
    value = region.get("value")
    names = read_names(value.get("choices")) if isinstance(value, dict) else []
    return [scheme.aliases.stored(name, scheme.control.name) for name in names]


def _score(region: Region, item: Item) -> float | None:
    """None for a truth's, and where nothing tells one. `PassedOver` for what is no score."""
    default = item.given.score
    if not item.given.is_prediction or (region.get("score") is None and default is None):
        return None
    return region_score(region, (), 0.0 if default is None else default)
