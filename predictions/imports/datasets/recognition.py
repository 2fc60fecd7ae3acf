"""Which format files are of, where nobody says so."""

from predictions.formats.errors import BadFile, FileError
from predictions.formats.sources import Source
from predictions.formats.table import FORMATS, START_BYTES, Start

TAKEN = "{name} is taken for {title} ({format})."
UNKNOWN = "is of none of the formats that are recognised: name one of {formats}."
SEVERAL = "may be of several formats, {formats}: name one."


def formats_of(source: Source) -> list[str]:
    """The formats that fit, by the file's start or the folder's names."""
    text = b"" if source.is_folder else bytes(source.content()[:START_BYTES])
    start = Start(source.names(), text)
    return [name for name, one in FORMATS.items() if one.fits(start)]


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
