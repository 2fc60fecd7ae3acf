"""Provider keys at rest: encrypted by keys that ENCRYPTION_KEY names, or SECRET_KEY without it.

ENCRYPTION_KEY may name several, comma-separated: the first encrypts, all decrypt, so a key is
changed by putting the new one in front. Nothing here is ever logged.
"""

import base64
import hashlib
import json

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class Unreadable(ValueError):
    """The connection's keys cannot be read with this server's ENCRYPTION_KEY; enter them again."""


def _box() -> MultiFernet:
    phrases = settings.ENCRYPTION_KEYS or [settings.SECRET_KEY]
    digests = (hashlib.sha256(b"provider keys:" + phrase.encode()).digest() for phrase in phrases)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])


def seal(secrets: dict[str, str]) -> str:
    """The secrets as one encrypted text; empty for none."""
    return _box().encrypt(json.dumps(secrets).encode()).decode() if secrets else ""


def unseal(sealed: str) -> dict[str, str]:
    """The secrets of `seal`. Unreadable where no key of ours made the text."""
    if not sealed:
        return {}
    try:
        secrets: dict[str, str] = json.loads(_box().decrypt(sealed.encode()))
    except InvalidToken:
        raise Unreadable(Unreadable.__doc__) from None
    return secrets
