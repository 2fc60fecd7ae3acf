"""Creates, revokes and reads API keys and tokens. Nothing else touches them.

A key is 40 lower-case hex characters with at least one letter: the evaluation client ignores keys
without one. A refresh token is a signed text (HS256) that is exchanged for access tokens of
300 seconds; both stop working the moment their row is revoked. A refresh token has the workspace
and scopes of the key that made it and does not outlive it.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts import members
from accounts.models import SCOPES, ApiToken, Membership, User, Workspace
from predictions_api.outbound.events import recording
from predictions_api.postgres.sql import fetch_prepared

ACCESS_LIFETIME = timedelta(seconds=300)
KEY_LENGTH = 40
HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Access:
    """Who is calling, for which workspace, and what they may do.

    `scopes` is None when everything is allowed; `token_id` is None for a browser session.
    `is_heard` says whether anybody may listen to what happens in the workspace: without listeners a
    write records nothing and asks nothing. True where that was not looked up.
    """

    user_id: int
    workspace_id: int
    role: str
    scopes: frozenset[str] | None
    token_id: int | None
    is_heard: bool = True

    def allows(self, scope: str) -> bool:
        """Whether the key carries the scope. A key with `admin` carries every one."""
        return self.scopes is None or scope in self.scopes or "admin" in self.scopes

    @property
    def may_write(self) -> bool:
        return self.role != Membership.Role.READER


@dataclass(frozen=True, slots=True)
class Holder:
    """A token's row with everything that decides whether it is accepted."""

    access: Access
    email: str
    is_usable: bool  # not revoked, not expired, its owner still a member
    is_active: bool
    legacy_enabled: bool


def digest_of(key: str) -> str:
    """SHA-256, 64 hex characters. Keys have 160 random bits and so need no salt or stretching."""
    return hashlib.sha256(key.encode()).hexdigest()


def new_key() -> str:
    """A random key of 40 hex characters with at least one letter."""
    while (key := secrets.token_hex(KEY_LENGTH // 2)).isdigit():
        pass
    return key


def check_key(key: str) -> str:
    """The key as given. ValidationError unless it is 40 hex characters with a letter."""
    if len(key) != KEY_LENGTH or not set(key) <= HEX or key.isdigit():
        raise ValidationError(
            "A key is 40 lower-case hex characters, at least one of them a letter."
        )
    return key


def check_scopes(scopes: Sequence[str]) -> list[str] | None:
    """The scopes in their fixed order, None for none given. ValidationError names unknown ones."""
    if unknown := sorted(set(scopes) - set(SCOPES)):
        raise ValidationError(f"Unknown scopes: {', '.join(unknown)}. Known: {', '.join(SCOPES)}.")
    return [scope for scope in SCOPES if scope in scopes] or None


@transaction.atomic
def create(
    *,
    workspace_slug: str,
    email: str = "",
    service: str = "",
    create_workspace: bool = False,
    name: str = "",
    scopes: Sequence[str] = (),
    key: str | None = None,
    role: str = Membership.Role.MEMBER,
    expires_at: datetime | None = None,
) -> tuple[ApiToken, str]:
    """A new token and its key, the only time the key is seen.

    Of the person with that e-mail address, or with `service` of the workspace's service account of
    that name. Creates the user as needed, and the workspace with `create_workspace`; a new member
    gets `role`, an old one keeps theirs. A given `key` that already is this user's key of this
    workspace is returned as it is; ValidationError if it is anybody else's, if there is no such
    workspace, or if anything else is wrong.
    """
    workspace = members.workspace(workspace_slug, create=create_workspace)
    if service and role == Membership.Role.OWNER:
        raise ValidationError({"role": ["A service account does not own a workspace."]})
    user = members.service_account(service, workspace) if service else members.person(email)
    Membership.objects.get_or_create(user=user, workspace=workspace, defaults={"role": role})
    return issue(
        user=user, workspace=workspace, name=name, scopes=scopes, key=key, expires_at=expires_at
    )


def issue(
    *,
    user: User,
    workspace: Workspace,
    name: str = "",
    scopes: Sequence[str] = (),
    key: str | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiToken, str]:
    """A new key for a member. See `create` for a given `key`."""
    plain = check_key(key) if key else new_key()
    fields = {"user": user, "workspace": workspace, "kind": ApiToken.Kind.KEY}
    if key and (kept := ApiToken.objects.filter(digest=digest_of(plain)).first()):
        if (kept.user_id, kept.workspace_id) != (user.pk, workspace.pk):
            raise ValidationError("That key belongs to somebody else.")
        return kept, plain
    token = ApiToken.objects.create(
        **fields,
        name=name,
        digest=digest_of(plain),
        preview=plain[:6],
        scopes=check_scopes(scopes),
        expires_at=expires_at,
    )
    return token, plain


@transaction.atomic
def revoke(token: ApiToken) -> bool:
    """Ends a token at once, and with a key the refresh tokens that it made.

    Whether this call ended it: False, and nothing changed, if it was revoked before.
    """
    now = datetime.now(UTC)
    live = ApiToken.objects.filter(revoked_at__isnull=True)
    # The key first: `create_refresh` locks it, so what is made meanwhile is found afterwards.
    if not live.filter(pk=token.pk).update(revoked_at=now):
        return False
    live.filter(made_by_id=token.pk).update(revoked_at=now)
    return True


@transaction.atomic
def replace(token: ApiToken) -> tuple[ApiToken, str] | None:
    """Revokes a key and issues another like it; None if it was revoked before.

    Of any number of calls at once one gets a key.
    """
    if not revoke(token):
        return None
    return issue(
        user=token.user,
        workspace=token.workspace,
        name=token.name,
        scopes=token.scopes or (),
        expires_at=token.expires_at,
    )


def with_state(rows: QuerySet[ApiToken]) -> QuerySet[ApiToken]:
    """Tokens with the columns that `state_of` and lists need; one statement."""
    membership = Membership.objects.filter(
        user_id=OuterRef("user_id"), workspace_id=OuterRef("workspace_id")
    )
    return rows.select_related("user", "workspace").annotate(is_of_member=Exists(membership))


def state_of(token: ApiToken) -> str:
    """`works`, or why a token of `with_state` is not accepted."""
    if token.revoked_at is not None:
        return "revoked"
    if token.expires_at is not None and token.expires_at <= datetime.now(UTC):
        return "expired"
    if not token.user.is_active:
        return "user inactive"
    is_of_member: bool = getattr(token, "is_of_member")  # noqa: B009  (an annotation of `with_state`)
    return "works" if is_of_member else "not a member"


# One statement a request, by the unique index on digest (or the primary key).
HOLDER_SQL = """
SELECT t.id, t.user_id, t.workspace_id, t.scopes, m.role, u.email, u.is_active,
       w.legacy_api_tokens_enabled,
       t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now())
           AND m.role IS NOT NULL,
       t.last_used_at IS NULL OR t.last_used_at < now() - interval '1 minute', {{is_heard}}
FROM accounts_apitoken t
JOIN accounts_user u ON u.id = t.user_id
JOIN accounts_workspace w ON w.id = t.workspace_id
LEFT JOIN accounts_membership m ON m.user_id = t.user_id AND m.workspace_id = t.workspace_id
WHERE t.{column} = %s AND t.kind = %s
"""
BY_DIGEST = HOLDER_SQL.format(column="digest")
BY_ID = HOLDER_SQL.format(column="id")


def _holder(sql: str, value: str | int, kind: str) -> Holder | None:
    sql = sql.format(is_heard=recording.anybody_listens("t.workspace_id"))
    row = fetch_prepared(sql, [value, kind])
    if row is None:
        return None
    token_id, user_id, workspace_id, scopes, role, email, active, legacy, usable, stale = row[:10]
    if usable and stale:
        # Minute precision keeps the hot path at one statement.
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE accounts_apitoken SET last_used_at = now() WHERE id = %s", [token_id]
            )
    if isinstance(scopes, str):
        scopes = _scopes_of(scopes)
    access = Access(
        user_id=user_id,
        workspace_id=workspace_id,
        role=role or "",
        scopes=None if scopes is None else frozenset(scopes),
        token_id=token_id,
        is_heard=row[10],
    )
    return Holder(access, email, usable, active, legacy)


def _scopes_of(text: str) -> Any:
    import orjson

    return orjson.loads(text)


def holder_of_key(key: str) -> Holder | None:
    """The owner of a key; None if it is unknown. One statement."""
    return _holder(BY_DIGEST, digest_of(key), ApiToken.Kind.KEY)


def holder_of_access_token(text: str) -> Holder | None:
    """The owner of an access token; None if it is malformed, expired, revoked or not ours."""
    claims = decode(text, token_type="access")  # noqa: S106 - a kind, no secret
    if claims is None:
        return None
    return _holder(BY_ID, claims["token_id"], ApiToken.Kind.REFRESH)


def encode(*, token_type: str, expires_at: datetime, jti: str, user_id: int, **more: Any) -> str:
    """A JWT with the claims that Label Studio's SDK reads: token_type, exp, iat, jti, user_id."""
    claims = {
        "token_type": token_type,
        "exp": expires_at,
        "iat": datetime.now(UTC),
        "jti": jti,
        "user_id": str(user_id),
        **more,
    }
    return jwt.encode(claims, settings.SECRET_KEY, algorithm="HS256")


def decode(text: str, *, token_type: str) -> dict[str, Any] | None:
    """The claims of a JWT that we signed and that has not expired; None for other text."""
    try:
        claims = jwt.decode(text, settings.SECRET_KEY, algorithms=["HS256"])
    except (jwt.InvalidTokenError, ValueError):
        return None
    return claims if claims.get("token_type") == token_type else None


@transaction.atomic
def create_refresh(
    *, user_id: int, workspace_id: int, made_by_id: int | None
) -> tuple[ApiToken, str] | None:
    """A new refresh token; None if what makes it no longer works.

    `made_by_id` is the id of a key, or of a refresh token, whose own key then made both; None for
    a session. IntegrityError while this person has another that works in the workspace.
    """
    now = datetime.now(UTC)
    is_live, key = _maker(made_by_id)
    if not is_live:
        return None
    expires_at = now + timedelta(days=settings.REFRESH_TOKEN_DAYS)
    if key is not None and key.expires_at is not None:
        expires_at = min(expires_at, key.expires_at)
    jti = secrets.token_hex(16)
    text = encode(
        token_type="refresh",  # noqa: S106 - a kind, no secret
        expires_at=expires_at,
        jti=jti,
        user_id=user_id,
    )
    mine = {"user_id": user_id, "workspace_id": workspace_id, "kind": ApiToken.Kind.REFRESH}
    # An expired one is in nobody's way.
    over = ApiToken.objects.filter(**mine, revoked_at__isnull=True, expires_at__lte=now)
    over.update(revoked_at=now)
    token = ApiToken.objects.create(
        **mine,
        digest=digest_of(jti),
        preview=text[:16],
        scopes=key.scopes if key else None,
        expires_at=expires_at,
        made_by=key,
    )
    return token, text


def _maker(token_id: int | None) -> tuple[bool, ApiToken | None]:
    """Whether a token still works, and the key it is or was made by, locked: nobody revokes that
    before the transaction ends. (True, None) for None, and for what a session made.
    """
    if token_id is None:
        return True, None
    now = datetime.now(UTC)
    live = ApiToken.objects.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now))
    live = live.filter(revoked_at__isnull=True)
    token = live.filter(pk=token_id).first()
    if token is None or (token.kind == ApiToken.Kind.REFRESH and token.made_by_id is None):
        return token is not None, None
    key = live.select_for_update().filter(pk=token.made_by_id or token.pk).first()
    return key is not None, key


@transaction.atomic
def rotate(token: ApiToken) -> tuple[ApiToken, str] | None:
    """Revokes a refresh token and makes another; None if it no longer works.

    Of any number of calls at once one gets a token.
    """
    # Locks the key before its refresh token, as `revoke` does.
    is_live, _ = _maker(token.pk)
    if not is_live or not revoke(token):
        return None
    return create_refresh(
        user_id=token.user_id, workspace_id=token.workspace_id, made_by_id=token.made_by_id
    )


def live_refresh(text: str) -> ApiToken | None:
    """The row of a refresh token that still works, else None."""
    claims = decode(text, token_type="refresh")  # noqa: S106 - a kind, no secret
    if claims is None:
        return None
    return (
        ApiToken.objects.filter(
            kind=ApiToken.Kind.REFRESH,
            digest=digest_of(claims["jti"]),
            revoked_at__isnull=True,
            expires_at__gt=datetime.now(UTC),
            user__is_active=True,
        )
        .select_related("user")
        .first()
    )


def access_for(token: ApiToken) -> str:
    """An access token of 300 seconds for a live refresh token; it ends with that, if sooner."""
    return encode(
        token_type="access",  # noqa: S106 - a kind, no secret
        expires_at=datetime.now(UTC) + ACCESS_LIFETIME,
        jti=secrets.token_hex(16),
        user_id=token.user_id,
        token_id=token.pk,
    )
