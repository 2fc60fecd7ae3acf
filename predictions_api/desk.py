"""How the reviewers' desk looks: its name and its sidebar. Everything comes from this server."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse_lazy

NAME = "Predictions"


def owns_a_workspace(request: HttpRequest) -> bool:
    """Whether pages for owners are worth a line in the sidebar."""
    # The settings import this module before there are models.
    from accounts.desk import OWNERS, is_superuser, workspaces_of

    return is_superuser(request) or bool(workspaces_of(request, OWNERS))


def _page(title: str, icon: str, model: str, **more: Any) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{model}_changelist"), **more}


UNFOLD = {
    "SITE_TITLE": NAME,
    "SITE_HEADER": NAME,
    "SITE_SUBHEADER": "Reviewers' desk",
    "SITE_SYMBOL": "target",
    "SITE_URL": None,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "6px",
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "title": "Review",
                "items": [
                    _page("Projects", "folder_open", "predictions_project"),
                    _page("Tasks", "image", "predictions_task"),
                    _page("Predictions", "target", "predictions_prediction"),
                    _page("Annotations", "draw", "predictions_annotation"),
                    _page("ML backends", "dns", "predictions_mlbackend"),
                ],
            },
            {
                "title": "Access",
                "separator": True,
                "items": [
                    _page("Workspaces", "groups", "accounts_workspace"),
                    _page("People", "person", "accounts_user"),
                    _page("Keys", "key", "accounts_apitoken", permission=owns_a_workspace),
                ],
            },
        ],
    },
}
