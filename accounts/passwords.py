"""How a person gets a password whom nobody sends mail to: by a link that works once.

The link is of the account, its present password and its last login, so that it ends when it was
used, when the person logs in, and after PASSWORD_RESET_TIMEOUT (three days).
"""

import secrets

from django.contrib.auth.tokens import default_token_generator
from django.db import transaction
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from accounts.models import Membership, User

#: Of a password that a command makes.
RANDOM_BYTES = 15


def may_be_reset(whom: User, *, by: User) -> bool:
    """Whether `by` may give this person a link. Superusers may to everybody.

    Owners may to a member all of whose workspaces are theirs: with the link they could log in as
    that person, and see no more than they see already. Nobody else does for a superuser, and a
    service account has keys alone.
    """
    if whom.is_service or not whom.is_active:
        return False
    if by.is_superuser:
        return True
    owned = Membership.objects.filter(user=by, role=Membership.Role.OWNER).values("workspace_id")
    places = Membership.objects.filter(user=whom)
    return (
        not whom.is_superuser
        and whom.pk != by.pk
        and places.exists()
        and not places.exclude(workspace_id__in=owned).exists()
    )


def link(whom: User) -> str:
    """The path of the page on which the person sets a password."""
    uid = urlsafe_base64_encode(force_bytes(whom.pk))
    return reverse("set-password", args=[uid, default_token_generator.make_token(whom)])


def let_in(whom: User) -> None:
    """The person may log in at the desk, once there is a password."""
    User.objects.filter(pk=whom.pk, is_staff=False).update(is_staff=True)


@transaction.atomic
def replace(whom: User) -> str:
    """A new random password, which is returned; sessions of the old one end."""
    password = secrets.token_urlsafe(RANDOM_BYTES)
    whom.set_password(password)
    User.objects.filter(pk=whom.pk).update(password=whom.password, is_staff=True)
    return password
