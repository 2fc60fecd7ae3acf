"""What every JSON document of the evaluation client is made of.

A document is declared once, as a msgspec Struct: what is answered is built from it, and its OpenAPI
schema is derived from it (`schema`). Field names are written in snake_case and sent in camelCase.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

#: A time in ISO 8601, UTC, with milliseconds and Z.
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder().decode


class Document(Struct, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """An object with exactly the declared keys; those that may be UNSET may be missing."""


class OpenDocument(Document, forbid_unknown_fields=False):
    """An object that may have other keys, too: panels of an imported file stay as they came."""


def spliced(text: bytes) -> Any:
    """The value of a field whose JSON text is there already: it is sent unparsed.

    The text must be what the field declares; nothing checks it.
    """
    return Raw(text)


def moment(value: datetime | None) -> str | None:
    """The time as text, e.g. "2026-01-31T12:00:00.000Z"; None for None."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
