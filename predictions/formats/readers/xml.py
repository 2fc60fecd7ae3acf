"""XML documents, without DTDs and entities."""

from typing import Any

from predictions.formats.errors import Errors
from predictions.formats.readers.rows import number_of


def root_of(content: bytes, name: str, errors: Errors) -> Any:
    """The root element; None, and an error, for what is no XML or is refused."""
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        return fromstring(content, forbid_dtd=True)
    except ParseError as exc:
        errors.add(name, f"is no XML: {exc}.")
    except DefusedXmlException:
        errors.add(name, "has a DTD or an entity: both are refused.")
    except (ValueError, LookupError) as exc:
        # Encodings that are not known, or not read.
        errors.add(name, f"cannot be read: {exc}.")
    return None


class BadElement(ValueError):
    """An element cannot be read; the text says why."""


def number(element: Any, name: str, default: float | None = None) -> float:
    """The finite number of an attribute. BadElement for none."""
    text = element.get(name)
    if text is None and default is not None:
        return default
    found = number_of(text)
    if found is None:
        raise BadElement(f"its {name} is {text!r:.100}, no number.")
    return found
