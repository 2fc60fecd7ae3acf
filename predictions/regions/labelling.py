"""Labelling configs: parsed once per text, used to check predictions and to expand shorthands.

Pure; `label_studio_sdk` takes over a second to import and is loaded by the first config only.
"""

import json
import uuid
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError

from predictions.regions.checks import quick_checks, values
from predictions.regions.config import KEPT_BYTES, MOST_BYTES, read_config
from predictions.regions.controls import LISTED, SINGLE_VALUED
from predictions.regions.labels import unusable_labels
from predictions.regions.lists import Region
from predictions_api.http.storable import Refused, is_number
from predictions_api.operations.caches import kept_by_text

if TYPE_CHECKING:
    from label_studio_sdk.label_interface import LabelInterface

# What parsers take for each level, for each pair of controls and objects, for each attribute beside
# each other one, and for each label below others.
MOST_LEVELS, MOST_NAMED, MOST_ATTRIBUTES, MOST_PATH_BYTES = 100, 1000, 100, 10_000_000
BULK_CONTROLS = frozenset({"Choices", "Taxonomy"})


@kept_by_text(KEPT_BYTES)
def interface(label_config: str) -> "LabelInterface":
    """The parsed config. Raises what label_studio_sdk raises for one it cannot read."""
    from label_studio_sdk.label_interface import LabelInterface

    return LabelInterface(label_config)


@kept_by_text(KEPT_BYTES)
def _table(label_config: str) -> quick_checks.Table:
    return quick_checks.table_of(interface(label_config))


@kept_by_text(KEPT_BYTES)
def _value_checks(label_config: str) -> values.Checks:
    return values.checks_of(read_config(label_config), interface(label_config))


def parse(label_config: str) -> dict[str, Any]:
    """Controls by name: type, to_name, inputs, labels, labels_attrs. Refused if it is not valid.

    The empty config `<View></View>` has no controls: `{}`.
    """
    from defusedxml.ElementTree import fromstring
    from label_studio_sdk._extensions.label_studio_tools.core.label_config import parse_config

    n_bytes = len(label_config.encode("utf-8", "surrogatepass"))
    if n_bytes > MOST_BYTES:
        raise Refused(f"A labelling config may have {MOST_BYTES:,} bytes at most, got {n_bytes:,}.")
    try:
        root = fromstring(label_config)
    except ParseError as exc:
        raise Refused(str(exc)) from None
    except ValueError as exc:  # entities and other declarations a config has no use for
        raise Refused(f"Not allowed in a labelling config: {type(exc).__name__}") from None
    _refuse_excess(root)
    try:
        parsed: dict[str, Any] = parse_config(label_config)
        interface(label_config)
    except Exception as exc:  # the library raises bare exceptions of many kinds
        raise Refused(f"Label config is not valid: {exc}") from None
    for name, control in parsed.items():
        if not control["inputs"]:
            raise Refused(f'The control "{name}" names no object of the config in toName.')
    return parsed


def _refuse_excess(root: Any) -> None:
    """Refused for a config that is small to send and takes minutes to parse: parsers compare tags
    with each other, and spell out the path of each label.
    """
    level, depth, n_named, n_path_bytes = [(root, 0)], 0, 0, 0
    while level:
        depth += 1
        for element, above in level:
            n_named += bool(element.get("name"))
            n_path_bytes += above
            if len(element.keys()) > MOST_ATTRIBUTES:
                raise Refused(f"A tag may have {MOST_ATTRIBUTES} attributes at most.")
        if depth > MOST_LEVELS:
            raise Refused(f"A labelling config may be {MOST_LEVELS} levels deep at most.")
        if n_named > MOST_NAMED:
            raise Refused(f"A labelling config may have {MOST_NAMED:,} named tags at most.")
        if n_path_bytes > MOST_PATH_BYTES:
            raise Refused("The paths of its nested choices make the labelling config too large.")
        level = [
            (child, above + len(element.get("value", "")))
            for element, above in level
            for child in element
        ]


def default_weights(parsed: dict[str, Any]) -> dict[str, Any]:
    """Equal weights for each control and label, as Label Studio stores them."""
    return {
        name: {
            "overall": 1.0,
            "type": control["type"],
            "labels": dict.fromkeys(control.get("labels", []), 1.0),
        }
        for name, control in parsed.items()
    }


def suits_bulk_annotation(parsed: dict[str, Any]) -> bool:
    """Whether every control is a choice about the whole task, and there is one at least."""
    return bool(parsed) and all(control["type"] in BULK_CONTROLS for control in parsed.values())


def problems(label_config: str, result: Any, score: float | None) -> list[str]:
    """What the config objects to in a prediction, in Label Studio's words; empty when nothing.

    Besides, a shape's labels must be labels wherever they may stand in its value, and an answer one
    that its control offers: see `checks.values`.
    """
    if not quick_checks.is_ordinary(_table(label_config), result, score):
        # The library looks at no labels but those of the region's own control.
        found = _problems_of_library(label_config, result, score) or list(unusable_labels(result))
        if found:
            return found
    return list(values.unoffered(_value_checks(label_config), result))


def _problems_of_library(label_config: str, result: Any, score: float | None) -> list[str]:
    value: dict[str, Any] = {"result": result}
    if score is not None:
        value["score"] = score
    told: list[str | list[str]] = interface(label_config).validate_prediction(
        value, return_errors=True
    )
    # What it says of relations is a list among the texts.
    return [text for one in told for text in ([one] if isinstance(one, str) else one)]


def expand(label_config: str, shorthand: Any) -> list[Region]:
    """Regions for a result given as text, number or object instead of a list.

    An object whose keys name a control or a control's type gives a region each; text or a number
    goes to the first control that takes one. The label need not be known. Refused when no control
    can mean it, or for JSON text: the list itself was meant.
    """
    from label_studio_sdk.label_interface import LabelInterface

    config: LabelInterface = interface(label_config)
    payloads = _payloads(config, shorthand)
    if not payloads:
        raise Refused(
            "A result must be a list of regions;"
            " this value fits no control of the labelling config."
        )
    regions = [region for name, payload in payloads for region in _regions(config, name, payload)]
    if not regions:
        raise Refused("A result must be a list of regions; this value makes none.")
    return regions


def _payloads(config: "LabelInterface", shorthand: Any) -> list[tuple[str, Any]]:
    """(control name, what to make a region of), one for each control the shorthand names."""
    kinds = {control.name: control.tag.lower() for control in config.controls}
    if isinstance(shorthand, dict):
        by_name = [(name, shorthand[name]) for name in kinds if name in shorthand]
        by_kind = [(name, shorthand) for name, kind in kinds.items() if kind in shorthand]
        return by_name or by_kind
    if isinstance(shorthand, str) and _looks_like_json(shorthand):
        return []
    for name, kind in kinds.items():
        wants_number = kind in {"rating", "number"}
        gives_number = is_number(shorthand)
        if kind in SINGLE_VALUED and wants_number == gives_number and shorthand != "":
            return [(name, shorthand)] if gives_number or isinstance(shorthand, str) else []
    return []


def _looks_like_json(text: str) -> bool:
    """Whether the text is a JSON list or object: the regions themselves, quoted once too often."""
    if not text.lstrip().startswith(("[", "{")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _regions(config: "LabelInterface", name: str, payload: Any) -> list[Region]:
    try:
        return [region._dict() for region in config.create_regions({name: payload})]
    except Exception:  # an unknown label, or a value the library's models refuse
        return _unchecked_region(config, name, payload)


def _unchecked_region(config: "LabelInterface", name: str, payload: Any) -> list[Region]:
    """The region the caller meant, with a label or value the config does not know."""
    control = config.get_control(name)
    kind = control.tag.lower()
    if isinstance(payload, dict):
        value = {k: [v] if k in LISTED and isinstance(v, str) else v for k, v in payload.items()}
    elif kind in SINGLE_VALUED:
        key = SINGLE_VALUED[kind]
        is_bare = key in LISTED and not isinstance(payload, list)
        value = {key: [payload] if is_bare else payload}
    else:
        return []
    return [
        {
            "id": str(uuid.uuid4()),
            "from_name": control.name,
            "to_name": control.to_name[0],
            "type": kind,
            "value": value,
        }
    ]
