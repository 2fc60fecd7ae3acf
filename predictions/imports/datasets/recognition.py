"""Which format files are of, where none is named."""

from typing import Any

from rest_framework.exceptions import ValidationError

from predictions.formats.errors import BadFile, FileError
from predictions.formats.sources import Source
from predictions.formats.table import FORMATS, START_BYTES, Start
from predictions_api.http.rendering import dumps

THE_BODY = "The body"
NO_TASKS = (
    "{name} is {title}, and no list of tasks: send it in a form to this address with"
    " ?format={format}, or load it on the server with `manage.py load {format}`."
)
TAKEN = "{name} is taken for {title} ({format})."
UNKNOWN = "is of none of the formats that are recognised: name one of {formats}."
SEVERAL = "may be of several formats, {formats}: name one."


def formats_of(source: Source) -> list[str]:
    """The formats that fit, by the file's start or the folder's names."""
    text = b"" if source.is_folder else bytes(source.content()[:START_BYTES])
    start = Start(source.names(), text)
    return [name for name, one in FORMATS.items() if one.fits(start)]


def is_list_of_results(source: Source) -> bool:
    """Whether a file is a list of COCO's results, and so no ground truth."""
    return not source.is_folder and bytes(source.content()[:START_BYTES]).lstrip()[:1] == b"["


def refuse_as_tasks(name: str, start: bytes) -> None:
    """ValidationError for a file, by its first bytes, that is of a format and no list of tasks."""
    found = Start([name], start)
    for one in FORMATS.values():
        if one.is_never_tasks and one.fits(found):
            told = NO_TASKS.format(name=name, title=one.title, format=one.name)
            raise ValidationError([told])


def refuse_document(document: Any) -> None:
    """The same of a JSON document that was parsed."""
    if isinstance(document, dict):
        start: Any = {k: v[:1] if isinstance(v, list) else None for k, v in document.items()}
    elif isinstance(document, list):
        start = document[:1]
    else:
        return
    refuse_as_tasks(THE_BODY, dumps(start)[:START_BYTES])


def format_of(
    name: str | None, truth: Source | None, predictions: Source | None
) -> tuple[str, str | None]:
    """The format, and what to say of it: what a file was taken for where no name was given.

    BadFile where none or several fit.
    """
    if name is not None:
        return name, None
    source = truth or predictions
    if source is None:
        raise BadFile([FileError("", "Give a file of ground truth, of predictions, or both.")])
    found = formats_of(source)
    if len(found) > 1:
        raise BadFile([FileError(source.name, SEVERAL.format(formats=" and ".join(found)))])
    if not found:
        raise BadFile([FileError(source.name, UNKNOWN.format(formats=", ".join(FORMATS)))])
    title = FORMATS[found[0]].title
    return found[0], TAKEN.format(name=source.name, title=title, format=found[0])
