"""The store's own part of a project's page: files, ground truth, predictions, exports at work."""

from collections.abc import Iterator

from django.http import HttpRequest
from django.urls import reverse

from predictions.db.counting.overview import MOST
from predictions.desk.hub.parts import Hub, Job, Lack, Part, Step
from predictions_api.wording import left, number

EMPTY_CONFIG = "<View></View>"


def part(request: HttpRequest, hub: Hub) -> Part:
    """What it lacks, and what is being exported. No statement."""
    jobs = [
        Job(
            f"Export of {one.source} as {one.export_type}",
            "",
            one.progress,
            left(one.created_at, one.progress),
        )
        for one in hub.overview.exports
    ]
    steps = [load(hub)] if hub.may_write else []
    return Part(steps=steps, lacks=list(_lacks(hub)), jobs=jobs)


def load(hub: Hub) -> Step:
    """The page that loads files into the project."""
    return Step("Load files", reverse("admin:predictions_project_load_into", args=[hub.project.pk]))


def _lacks(hub: Hub) -> Iterator[Lack]:
    project, found = hub.project, hub.overview
    change = reverse("admin:predictions_project_change", args=[project.pk])
    if not project.parsed_label_config:
        text = (
            "No labelling config yet: it says what regions and choices mean. Loading files makes"
            " one, or write it in the settings."
        )
        yield _lack(hub, text, Step("Settings", change))
    if not found.tasks:
        text = "No task yet: load files of ground truth or predictions, or import tasks by API."
        yield _lack(hub, text, load(hub))
        return
    if not found.annotations:
        text = "No annotation yet: load files of ground truth, or accept predictions as such."
        yield _lack(hub, text, load(hub))
    elif not found.ground_truths:
        is_cut = found.annotations > MOST
        among = f" among the last {number(MOST)} annotations" if is_cut else " yet"
        form = {"action": "mark_annotations", "_selected_action": str(project.pk)}
        url = reverse("admin:predictions_project_changelist")
        text = f"No ground truth{among}: predictions are measured by annotations that are marked."
        yield _lack(hub, text, Step("Mark annotations", url, form))
    if not found.predictions:
        text = "No prediction yet: load a file of what a model said, or send predictions by API."
        yield _lack(hub, text, load(hub))


def _lack(hub: Hub, text: str, step: Step) -> Lack:
    return Lack(text, step if hub.may_write else None)
