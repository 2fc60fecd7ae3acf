"""Creates people. Everything else that needs a new person calls this."""

from accounts.models import User


def person(email: str) -> User:
    """The user of an e-mail address, ignoring case; created without a password if new.

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
