"""Signatures of deliveries, as the Standard Webhooks specification has them."""

import base64
import binascii
import hashlib
import hmac
import secrets
import string
from collections.abc import Sequence

PREFIX = "whsec_"
MADE_BYTES = 32
LEAST_BYTES, MOST_BYTES = 24, 64
ALPHABET = string.ascii_letters + string.digits
MESSAGE_LENGTH = 27
NO_SECRET = f"{PREFIX} and base64 of {LEAST_BYTES} to {MOST_BYTES} bytes."


def new_secret() -> str:
    """A random secret of 32 bytes."""
    return PREFIX + base64.b64encode(secrets.token_bytes(MADE_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """The bytes of a secret. ValueError for a text that is none."""
    if not secret.startswith(PREFIX):
        raise ValueError(NO_SECRET)
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(NO_SECRET) from None
    if not LEAST_BYTES <= len(key) <= MOST_BYTES:
        raise ValueError(NO_SECRET)
    return key


def new_message_id() -> str:
    """A random `webhook-id`."""
    left, found = secrets.randbelow(len(ALPHABET) ** MESSAGE_LENGTH), []
    for _ in range(MESSAGE_LENGTH):
        left, place = divmod(left, len(ALPHABET))
        found.append(ALPHABET[place])
    return "msg_" + "".join(found)


def signed(body: bytes, *, message_id: str, timestamp: int, keys: Sequence[str]) -> dict[str, str]:
    """The three headers of a delivery: its id, the attempt's time in seconds since 1970, and a
    signature by each of the secrets, in their order.
    """
    head = f"{message_id}.{timestamp}.".encode()
    digests = (hmac.digest(key_of(key), head + body, hashlib.sha256) for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join("v1," + base64.b64encode(one).decode() for one in digests),
    }
