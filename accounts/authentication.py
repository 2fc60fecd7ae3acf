"""How a request proves who sends it: `Token`, X-Api-Key, access tokens, and the admin's session.

The messages are the peer's, to the letter: clients match on them.
"""

from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import (
    BaseAuthentication,
    SessionAuthentication,
    get_authorization_header,
)
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts import tokens
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
    # Columns that a request rarely needs stay deferred: this costs no statement.
    user = User.from_db(
        "default", ["id", "email", "is_active"], [holder.access.user_id, holder.email, True]
    )
    return user, holder.access


def identify_key(key: str) -> Identity:
    """The owner of a key. AuthenticationFailed with the peer's message for every other text."""
    holder = tokens.holder_of_key(key)
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
        """None when no key of ours is offered: the session may still know the caller."""
        if key := request.META.get("HTTP_X_API_KEY", "").strip():
            return identify_key(key)
        parts = get_authorization_header(request).split()
        if not parts:
            return None
        if parts[0].lower() == b"token":
            return identify_key(_token_of(parts))
        if parts[0] == b"Bearer" and len(parts) == 2:
            return self.authenticate_bearer(parts[1].decode("latin-1"))
        return None

    def authenticate_bearer(self, text: str) -> Identity | None:
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
    """The evaluation client's ways beside ours: `?api_key=<key>` and `Bearer <key>`."""

    def authenticate(self, request: Request) -> Identity | None:
        """The query's key wins: that client sends nothing else."""
        if key := request.query_params.get("api_key", "").strip():
            return identify_key(key)
        return super().authenticate(request)

    def authenticate_bearer(self, text: str) -> Identity | None:
        """A plain key, or an access token."""
        return super().authenticate_bearer(text) or identify_key(text)


class WorkspaceSessionAuthentication(SessionAuthentication):
    """Somebody logged in to the admin, in the workspace that the path names.

    Where it names none, or one that they are not in, it is the first they joined. As at the desk,
    a superuser owns every workspace.
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
