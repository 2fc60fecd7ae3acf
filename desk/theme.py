"""Settings of django-unfold: the desk's title and its sidebar."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy

NAME = "Predictions"


def _page(title: str, icon: str, model: str, **more: Any) -> dict[str, Any]:
    return {**_named(title, icon, f"admin:{model}_changelist"), **more}


def _named(title: str, icon: str, name: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse_lazy(name)}


def _group(title: str, *items: dict[str, Any], is_first: bool = False) -> dict[str, Any]:
    """Links under a heading, with a line above unless they are the first."""
    return {"title": title, "separator": not is_first, "items": list(items)}


def _file(name: str) -> Callable[[HttpRequest], str]:
    """The URL of a static file, resolved when a page is rendered."""
    return lambda request: static(name)


UNFOLD = {
    "SITE_TITLE": NAME,
    "SITE_HEADER": NAME,
    "SITE_SUBHEADER": "Reviewers' desk",
    "SITE_SYMBOL": "target",
    "SITE_URL": None,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "6px",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _file("theme/icon.svg")}],
    "STYLES": [_file("desk/desk.css")],
    "SCRIPTS": [_file("theme/labels.js")],
    "LOGIN": {"form": "desk.access.logins.LoginForm"},
    "DASHBOARD_CALLBACK": "desk.dashboard.fill",
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            _group(
                "Review",
                _named("Dashboard", "dashboard", "admin:index"),
                _page("Projects", "folder_open", "predictions_project"),
                _page("Tasks", "image", "predictions_task"),
                _page("Predictions", "target", "predictions_prediction"),
                _page("Annotations", "draw", "predictions_annotation"),
                _page("Evaluations", "monitoring", "evals_modeleval"),
                _page("Import storages", "folder_copy", "predictions_importstorage"),
                _page("Export storages", "drive_folder_upload", "predictions_exportstorage"),
                is_first=True,
            ),
            _group(
                "Models",
                _page("Prompts", "chat", "prompts_prompt"),
                _page("Prompt versions", "history", "prompts_promptversion"),
                _page("Runs", "play_circle", "prompts_modelrun"),
                _page("Failed predictions", "report", "prompts_failedprediction"),
                _page("Provider connections", "hub", "prompts_providerconnection"),
                _page("ML backends", "dns", "predictions_mlbackend"),
                _page("Prediction jobs", "batch_prediction", "backends_predictionjob"),
                _page("Webhooks", "webhook", "backends_webhook"),
            ),
            _group(
                "Access",
                _page("Workspaces", "groups", "accounts_workspace"),
                _page("People", "person", "accounts_user"),
                _page("Keys", "key", "accounts_apitoken"),
                _page(
                    "Audit trail",
                    "policy",
                    "accounts_auditentry",
                    permission="desk.workspace_admin.owns_a_workspace",
                ),
            ),
            _group("Help", _named("Documentation", "menu_book", "docs")),
        ],
    },
}
