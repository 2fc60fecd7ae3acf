"""Authenticates a request: by `Authorization: Token`, X-Api-Key, an access token or a session.

The error messages are exactly Label Studio's, because its clients compare them.
"""

from copy import copy

from django.contrib.auth.models import AnonymousUser
from django.db import DEFAULT_DB_ALIAS
from django.db.models.base import ModelState
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from rest_framework.authentication import (
    BaseAuthentication,
    SessionAuthentication,
    get_authorization_header,
)
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts import audit, logins, tokens
from accounts.models import User
from accounts.sessions import place_of
from accounts.tokens import Access, Holder

Identity = tuple[User, Access]

LEGACY_DISABLED = (
    "Authentication token no longer valid: legacy token authentication has been disabled"
    " for this organization"
)


def access_of(request: Request) -> Access:
    """The caller's access. AuthenticationFailed if nobody was authenticated."""
    if not isinstance(request.auth, Access):
        raise AuthenticationFailed("Authentication credentials were not provided.")
    return request.auth


def _identity(holder: Holder) -> Identity:
    return person(holder.access.user_id, holder.email), holder.access


def person(user_id: int, email: str) -> User:
    """An active user, of whom these columns are known. The others are read when they are needed.

    As `User.from_db` makes one, without asking each field whether it is among them.
    """
    user = User.__new__(User)
    vars(user).update(id=user_id, email=email, is_active=True, _state=ModelState())
    user._state.adding = False
    user._state.db = DEFAULT_DB_ALIAS
    return user


def identify_key(key: str, request: Request) -> Identity:
    """The owner of a key. AuthenticationFailed, with Label Studio's message, for other text;
    UnknownKeys if the address has sent too much of it.
    """
    holder = tokens.holder_of_key(key)
    if holder is None and logins.count_unknown_key(request._request):
        audit.by_request(request._request, "keys.guessed", named="an unknown key")
    if holder is None or not holder.is_usable:
        raise AuthenticationFailed("Invalid token.")
    if not holder.is_active:
        raise AuthenticationFailed("User inactive or deleted.")
    if not holder.legacy_enabled:
        raise AuthenticationFailed(LEGACY_DISABLED)
    return _identity(holder)


def _token_of(parts: list[bytes]) -> str:
    if len(parts) == 1:
        raise AuthenticationFailed("Invalid token header. No credentials provided.")
    if len(parts) > 2:
        raise AuthenticationFailed("Invalid token header. Token string should not contain spaces.")
    try:
        return parts[1].decode()
    except UnicodeError:
        raise AuthenticationFailed(
            "Invalid token header. Token string should not contain invalid characters."
        ) from None


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Token <key>`, X-Api-Key (which wins), or `Bearer <access token>`."""

    def authenticate(self, request: Request) -> Identity | None:
        """None if the request brings no key: its session is tried next."""
        if key := request.META.get("HTTP_X_API_KEY", "").strip():
            return identify_key(key, request)
        parts = get_authorization_header(request).split()
        if not parts:
            return None
        if parts[0].lower() == b"token":
            return identify_key(_token_of(parts), request)
        if parts[0] == b"Bearer" and len(parts) == 2:
            return self.authenticate_bearer(parts[1].decode("latin-1"), request)
        return None

    def authenticate_bearer(self, text: str, request: Request) -> Identity | None:
        """The holder of an access token; None, as for no header at all, for any other text."""
        holder = tokens.holder_of_access_token(text)
        if holder is None or not holder.is_usable:
            return None
        if not holder.is_active:
            raise AuthenticationFailed("User inactive or deleted.")
        return _identity(holder)

    def authenticate_header(self, request: Request) -> str:
        """What a 401 names in WWW-Authenticate."""
        return "Token"


class EvaluationKeyAuthentication(KeyAuthentication):
    """Also takes Roboflow's clients' `?api_key=<key>` and `Bearer <key>`."""

    def authenticate(self, request: Request) -> Identity | None:
        """A key in the query wins over headers."""
        if key := request.query_params.get("api_key", "").strip():
            return identify_key(key, request)
        return super().authenticate(request)

    def authenticate_bearer(self, text: str, request: Request) -> Identity | None:
        """A plain key, or an access token."""
        return super().authenticate_bearer(text, request) or identify_key(text, request)


class WorkspaceSessionAuthentication(SessionAuthentication):
    """A person logged in at the desk, for the workspace that the path names.

    If it names none, or one they are no member of, it is the first workspace they joined. A
    superuser owns every workspace.
    """

    def authenticate(self, request: Request) -> Identity | None:
        """None without a session, or for a user who is in no workspace."""
        found = super().authenticate(request)
        if found is None or isinstance(found[0], AnonymousUser):
            return None
        user: User = found[0]
        named = (request.parser_context or {}).get("kwargs", {}).get("workspace")
        workspace_id, role = place_of(user, named)
        if workspace_id is None:
            return None
        return user, Access(
            user_id=user.pk, workspace_id=workspace_id, role=role, scopes=None, token_id=None
        )

    def enforce_csrf(self, request: Request) -> None:
        """PermissionDenied unless X-CSRFToken is right. A form is not searched for the token: that
        would parse a body before it is known whether its sender may send one.
        """
        plain = copy(request._request)
        vars(plain).update(_post=QueryDict(), _files=MultiValueDict())
        super().enforce_csrf(plain)  # type: ignore[arg-type]  # it asks what both have
