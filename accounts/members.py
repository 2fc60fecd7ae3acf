"""The one place that makes people and members."""

from accounts.models import User


def person(email: str) -> User:
    """The user of an address in any case, made without a password if there is none.

    ValidationError for text that is no address.
    """
    known = User.objects.filter(email__iexact=email).first()
    if known is not None:
        return known
    user = User(email=email.lower())
    user.set_unusable_password()
    user.full_clean()
    user.save()
    return user
