"""Options of a load that nothing reads: they are refused, as who gives one counts on it."""

from collections.abc import Iterator
from dataclasses import dataclass

from predictions.formats.errors import Errors
from predictions.formats.table import FORMATS, Format
from predictions.imports.datasets.reading import Files

UNREAD = "{option} is not read of {name}: {readers}."
NO_FILE = "{option} is for the {side}, and no such file is given."


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two files: what it is called, whether it is given, and its format."""

    name: str
    is_given: bool
    format: Format


def refuse_unread(files: Files, errors: Errors) -> None:
    """BadFile for options that no format of a given file reads, each with the formats that do."""
    truth = _Side("ground truth", files.truth is not None, files.format)
    other = files.predictions_format or files.format
    predicted = _Side("predictions", files.predictions is not None, other)
    if not (truth.is_given or predicted.is_given):
        # Which is told in other words.
        return
    ask = files.ask
    asked = (
        ("shapes", ask.shapes, (truth, predicted)),
        ("category_offset", ask.category_offset, (predicted,)),
        ("image_column", ask.image_column, (predicted,)),
        ("truth_field", ask.truth_field, (truth,)),
        ("predictions_field", ask.predictions_field, (predicted,)),
    )
    for name, value, sides in asked:
        if value is not None:
            for error in _unread(name, value, sides):
                errors.add("", error)
    told = (
        ("--map-labels (`label_map`)", bool(ask.label_map)),
        (_spelled("predictions_format"), files.predictions_format is not None),
    )
    for option, is_told in told:
        if is_told and not predicted.is_given:
            errors.add("", NO_FILE.format(option=option, side=predicted.name))
    errors.raise_if_any()


def _unread(name: str, value: str | int, sides: tuple[_Side, ...]) -> Iterator[str]:
    given = [side for side in sides if side.is_given]
    if not given:
        yield NO_FILE.format(option=_spelled(name), side=sides[0].name)
    elif not any(side.format.reads(name, value) for side in given):
        formats = " and ".join(dict.fromkeys(side.format.name for side in given))
        readers = ", ".join(one.name for one in FORMATS.values() if one.reads(name, value))
        told = (
            f"those that read it are {readers}" if "," in readers else f"{readers} alone reads it"
        )
        yield UNREAD.format(option=_spelled(name, value), name=formats, readers=told)


def _spelled(name: str, value: str | int | None = None) -> str:
    """An option as the command and the form have it; the shapes with their word."""
    flag = f"--{name.replace('_', '-')}"
    if name == "shapes":
        return f"{flag} {value} (`{name}`)" if value else f"{flag} (`{name}`)"
    return f"{flag} (`{name}`)"
