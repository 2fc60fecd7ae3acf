"""How probable a model held the choice that it gave: read from the tokens of its answer."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from predictions_api.http.storable import whole_within

# A text of JSON, or a mark between values.
JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]')


def token_bytes(token: Mapping[str, Any]) -> bytes:
    """What a token adds to the answer. Its text alone cannot say it where it holds a part of a
    character, as those of other scripts are cut.
    """
    told = token.get("bytes")
    if isinstance(told, list) and all(whole_within(byte, 0, 255) is not None for byte in told):
        return bytes(told)
    return str(token["token"]).encode("utf-8", "surrogatepass")


def choice_probability(
    name: str, choice: str, tokens: Sequence[tuple[bytes, float]]
) -> float | None:
    """How probable the model held the choice: the product over the tokens that spell it.

    `tokens` are (UTF-8, natural logarithm of the probability) in order; `name` is the key of the
    answer that has the choice. None where no run of tokens spells it there.

    >>> choice_probability("s", "pos", [(b'{"s":"', -0.1), (b"pos", -0.5), (b'"}', 0.0)])
    0.6065306597126334
    """
    # A character for each byte: a token may end within one of the text.
    text = b"".join(token for token, _ in tokens).decode("latin-1")
    spelt = _spelt(text, name, choice)
    if spelt is None:
        return None
    total, position = 0.0, 0
    for token, logprob in tokens:
        if position < spelt.stop and position + len(token) > spelt.start:
            total += logprob
        position += len(token)
    return math.exp(min(0.0, total))


def _spelt(text: str, name: str, choice: str) -> range | None:
    """Where in the text of an answer the choice stands: the value of its key, or the only entry of
    a list there. Of a key that is there twice the last counts, as for JSON.
    """
    depth, key, last = 0, None, None
    found = None
    for match in JSON_TOKEN.finditer(text):
        mark = match[0]
        if mark[0] == '"':
            last = _read(mark)
            if key == name and last == choice:
                found = range(match.start() + 1, match.end() - 1)
        elif mark == ":":
            key = last if depth == 1 else key
        elif mark == ",":
            key = None if depth == 1 else key
        else:
            depth += 1 if mark in "{[" else -1
    return found


def _read(literal: str) -> str | None:
    """The text that a JSON literal means, given with a character for each byte; None for what is
    none.
    """
    try:
        return str(json.loads(literal.encode("latin-1")))
    except ValueError:
        return None
