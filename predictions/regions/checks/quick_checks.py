"""A quick yes to ordinary regions, so that an import need not ask `label_studio_sdk` about each.

The verdict is the library's: its own compiled models check the values, and the table is made of its
parsed config. Whatever is not plainly right (a control with rules of its own, a relation, a payload
nested under the control's name, a mistake) is left to the library, which also words the message.
Pure. A test compares both verdicts on thousands of mutated regions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from predictions.regions.controls import LABEL_KEYS, PARTNERS_OF_LABELS

if TYPE_CHECKING:
    from label_studio_sdk.label_interface import LabelInterface

Labels = frozenset[str]


@dataclass(frozen=True, slots=True)
class Control:
    """What a region of one control must be. Its value has `label_key`, unless that is empty, and
    there only `labels`, unless they are None.
    """

    name: str
    kind: str
    objects: frozenset[str]
    label_key: str
    labels: Labels | None
    # Where else a label of its shape would be looked for.
    other_keys: Labels
    has_shape: Callable[[Any], bool]


Table = Mapping[Any, Control]


def table_of(config: "LabelInterface") -> Table:
    """The controls by name whose regions `is_ordinary` can tell."""
    controls = [made for control in config.controls if (made := _control(config, control))]
    kinds = {control.tag.lower() for control in config.controls}
    # Beside a region of these the library checks the labels of the same id by other rules.
    if kinds & PARTNERS_OF_LABELS:
        controls = [control for control in controls if control.kind != "labels"]
    return {control.name: control for control in controls}


def _control(config: "LabelInterface", control: Any) -> Control | None:
    """None for a control that checks values or labels by rules of its own."""
    from label_studio_sdk.label_interface.control_tags import ControlTag, LabelsTag

    kind, rules = control.tag.lower(), type(control)
    # Labels differ from the rest beside a partner only: see `table_of`.
    is_plain = rules is LabelsTag or rules.validate_value is ControlTag.validate_value
    has_plain_labels = rules._validate_value_labels is ControlTag._validate_value_labels
    shape = getattr(control, "_value_class", None)
    if not is_plain or not has_plain_labels or shape is None:
        return None
    if config.get_control(control.name) is not control:
        return None
    label_key = getattr(control, "_label_attr_name", "")
    objects = {tag.name for tag in config.objects}
    return Control(
        name=control.name,
        kind=kind,
        objects=frozenset(control.to_name) & objects,
        label_key=label_key,
        labels=frozenset(control.labels) if label_key and control.labels else None,
        other_keys=frozenset(LABEL_KEYS.get(kind, ())) - {label_key},
        has_shape=shape.__pydantic_validator__.isinstance_python,
    )


def is_ordinary(table: Table, result: Any, score: Any) -> bool:
    """Whether the library would find nothing; False also where only it can tell."""
    if type(result) is not list or not _is_share(score):
        return False
    try:
        for region in result:
            control = table[region["from_name"]]
            value = region["value"]
            if (
                region["type"] != control.kind
                or region["to_name"] not in control.objects
                or type(value) is not dict
                or type(value.get(control.name)) is dict
                or not control.other_keys.isdisjoint(value)
                or not control.has_shape(value)
            ):
                return False
            chosen = value[control.label_key] if control.label_key else ()
            if control.labels is not None and not control.labels.issuperset(chosen):
                return False
    except (KeyError, TypeError):
        return False
    return True


def _is_share(score: Any) -> bool:
    return score is None or (type(score) in {float, int} and 0 <= score <= 1)
