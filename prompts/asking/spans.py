"""Where spans of an answer are: models read a text well and count its characters badly. Pure."""

import math
from collections.abc import Mapping
from typing import Any, TypeGuard

from predictions.regions.config import Control, ObjectTag, read_config
from predictions.regions.labelling import interface
from predictions.regions.task_data import value_at
from prompts.asking.answers import InvalidAnswer


def placed(label_config: str, answer: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """The answer with its spans of texts where their own `text` stands in the task's data.

    One whose text is not at its characters `start` up to before `end` is moved to the nearest
    place where it is, that of another such span left free while there are more. InvalidAnswer for
    a text that stands nowhere, and, of a span that tells none, for characters that the task's text
    does not have. Other answers, and malformed ones, are as they were.

    >>> config = (
    ...     '<View><Text name="t" value="$text"/><Labels name="l" toName="t"><Label value="A"/>'
    ...     "</Labels></View>"
    ... )
    >>> placed(config, {"l": [{"start": 1, "end": 4, "text": "sea"}]}, {"text": "by the sea"})
    {'l': [{'start': 7, 'end': 10, 'text': 'sea'}]}
    """
    found = dict(answer)
    config = read_config(label_config)
    shown = {one.name: one for one in config.objects}
    for name, value in answer.items():
        control = config.control(name)
        if control is None or control.tag.place != "span" or not isinstance(value, list):
            continue
        text = _text(label_config, control, shown, data)
        if text is not None:
            found[name] = _all_placed(name, value, text)
    return found


def _text(
    label_config: str, control: Control, shown: Mapping[str, ObjectTag], data: Mapping[str, Any]
) -> str | None:
    """The task's text that the control labels; None where the data does not hold it."""
    one = shown.get(control.to_names[0])
    if one is None or one.tag != "Text" or one.is_list or one.flag or not one.path:
        return None
    if interface(label_config).get_object(one.name).attr.get("valueType") == "url":
        return None
    value = value_at(data, one.path)
    return value if isinstance(value, str) else None


def _all_placed(name: str, spans: list[Any], text: str) -> list[Any]:
    taken: set[tuple[int, str]] = set()
    return [_placed(f"{name}.{at}", span, text, taken) for at, span in enumerate(spans)]


def _placed(where: str, span: Any, text: str, taken: set[tuple[int, str]]) -> Any:
    if not isinstance(span, dict):
        return span
    start, end, said = span.get("start"), span.get("end"), span.get("text")
    # What is no place at all is refused by the schema, and where regions are made.
    if not _is_place(start) or not _is_place(end):
        return span
    if not isinstance(said, str) or not said:
        if not (start == int(start) and end == int(end) and start < end <= len(text)):
            message = f"no characters {start} to {end} in a text of {len(text):,}."
            raise InvalidAnswer(f"{where}: {message}")
        return {**span, "start": int(start), "end": int(end)}
    if text[int(start) : int(end)] != said or end > len(text):
        start = _nearest(where, said, text, int(start), taken)
    taken.add((int(start), said))
    return {**span, "start": int(start), "end": int(start) + len(said)}


def _is_place(place: Any) -> TypeGuard[float]:
    return isinstance(place, int | float) and math.isfinite(place) and place >= 0


def _nearest(where: str, said: str, text: str, start: int, taken: set[tuple[int, str]]) -> int:
    places: list[int] = []
    at = text.find(said)
    while at >= 0:
        places.append(at)
        at = text.find(said, at + 1)
    if not places:
        raise InvalidAnswer(f"{where}: the text has no {said[:200]!r}.")
    free = [place for place in places if (place, said) not in taken]
    return min(free or places, key=lambda place: abs(place - start))
