"""Who a session at the desk belongs to, read in plain statements.

Django's own classes ask the same through the object mapper, which takes half a millisecond to put
each statement together: a third of what a panel of an evaluation takes, and a page has a dozen.
"""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.sessions.backends import db
from django.db import connection

from accounts.models import Membership, User
from predictions_api.postgres.prepared import prepared

# By primary key.
SESSION_SQL = """
SELECT session_data FROM django_session WHERE session_key = %s AND expire_date > now()
"""
USER_COLUMNS = [field.attname for field in User._meta.concrete_fields]
# By primary key.
USER_SQL = f"SELECT {', '.join(USER_COLUMNS)} FROM accounts_user WHERE id = %s"  # noqa: S608
# By the memberships' index on the user, and the workspaces' on the slug.
PLACE_SQL = """
SELECT workspace_id, role FROM (
    SELECT m.id, m.workspace_id, m.role, w.slug = %(slug)s AS is_named
    FROM accounts_membership m JOIN accounts_workspace w ON w.id = m.workspace_id
    WHERE m.user_id = %(user)s
    UNION ALL
    SELECT 0, id, %(owner)s, TRUE FROM accounts_workspace WHERE slug = %(slug)s AND %(superuser)s
) place ORDER BY is_named DESC NULLS LAST, id LIMIT 1
"""
# By the memberships' index on the user.
ROLES_SQL = "SELECT workspace_id, role FROM accounts_membership WHERE user_id = %s"


class SessionStore(db.SessionStore):
    """Sessions in the database, as Django writes them."""

    def load(self) -> dict[str, Any]:
        """What the session holds; empty, and without its key, for one that is unknown or over."""
        row = None
        # Anything else is no key of ours, and Postgres refuses a NUL.
        if self.session_key and self.session_key.isalnum():
            row = _first(SESSION_SQL, [self.session_key])
        if row is None:
            self._session_key = None
            return {}
        held: dict[str, Any] = self.decode(row[0])
        return held


class DeskBackend(ModelBackend):
    """People with a password, as Django checks it."""

    def get_user(self, user_id: int) -> User | None:
        """Whose session it is; None for somebody deleted or deactivated."""
        row = _first(USER_SQL, [user_id])
        if row is None:
            return None
        user = User.from_db("default", USER_COLUMNS, row)
        return user if self.user_can_authenticate(user) else None


def place_of(user: User, slug: str | None) -> tuple[int | None, str]:
    """The workspace a session is for, and the user's role in it; no workspace for none.

    The named one, or where it is none of theirs the first they joined. A superuser owns every one.
    """
    named = slug if slug is not None and "\0" not in slug else None
    values = {
        "slug": named,
        "user": user.pk,
        "owner": Membership.Role.OWNER.value,
        "superuser": user.is_superuser,
    }
    return _first(PLACE_SQL, values) or (None, "")


def roles_of(user_id: int) -> dict[int, str]:
    """A user's role by workspace id; {} for nobody."""
    with connection.cursor() as cursor:
        cursor.execute(prepared(ROLES_SQL), [user_id])
        return dict(cursor.fetchall())


def _first(sql: str, values: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(prepared(sql), values)
        return cursor.fetchone()
