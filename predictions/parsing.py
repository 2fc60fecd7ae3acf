"""JSON bodies of many rows, parsed at C speed."""

import re
from collections.abc import Mapping
from typing import IO, Any

import orjson
from rest_framework.parsers import JSONParser

from predictions_api.parsing import finite, parse_json

# orjson rounds integers beyond 64 bits; a text that may hold one is parsed exactly instead.
LONG_INTEGER = re.compile(rb"(?<![\d.])-?\d{19}")


class BulkJSONParser(JSONParser):
    """application/json. What orjson refuses is read again, slowly, for the peer's message."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        body = stream.read()
        encoding = str((parser_context or {}).get("encoding", "utf-8"))
        if encoding.lower() in {"utf-8", "utf8"} and not LONG_INTEGER.search(body):
            try:
                return orjson.loads(body)
            except orjson.JSONDecodeError:
                pass
        return parse_json(body, encoding=encoding, parse_float=finite)
