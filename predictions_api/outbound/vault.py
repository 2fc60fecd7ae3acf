"""Encrypts the API keys that we need for calls to others, such as model providers.

Encrypts with ENCRYPTION_KEY, or with SECRET_KEY if it is not set. ENCRYPTION_KEY may be several,
comma-separated: the first encrypts, all decrypt. To rotate, put the new one in front.
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
    """The secrets as one encrypted text; "" for {}."""
    return _box().encrypt(json.dumps(secrets).encode()).decode() if secrets else ""


def unseal(sealed: str) -> dict[str, str]:
    """The secrets that `seal` encrypted. Unreadable if none of our keys decrypts them."""
    if not sealed:
        return {}
    try:
        secrets: dict[str, str] = json.loads(_box().decrypt(sealed.encode()))
    except InvalidToken:
        raise Unreadable(Unreadable.__doc__) from None
    return secrets
