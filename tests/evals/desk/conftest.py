"""The evaluation of the service's tests, and everybody at their desks."""

import pytest
from django.test import Client

from accounts.models import Membership, User
from evals.models import ModelEval
from tests.accounts.test_admin import desk_of
from tests.conftest import Caller, make_caller

LIST = "/admin/evals/modeleval/"


@pytest.fixture
def desks(ada: Caller, rita: Caller, olga: Caller) -> dict[str, Client]:
    """Everybody at their desks; root is a superuser of no workspace."""
    root = Client()
    root.force_login(User.objects.create_superuser("root@example.com", "pw"))
    mia = make_caller("mia@example.com", "lab", Membership.Role.MEMBER)
    staff = {"owner": ada, "member": mia, "reader": rita, "stranger": olga}
    return {
        **{name: desk_of(caller) for name, caller in staff.items()},
        "root": root,
        "anonymous": Client(),
    }


def page(evaluation: ModelEval, path: str = "") -> str:
    """The address of one of its pages."""
    return f"{LIST}{evaluation.eval_id}/{path}"
