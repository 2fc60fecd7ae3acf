"""What narrows a list of the desk: served by an index, or looking at the newest rows alone."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NamedTuple

from django.contrib import admin
from django.db.models import F, Func, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Left
from django.db.models.lookups import IsNull, LessThanOrEqual
from django.http import HttpRequest

from desk.workspace_admin import is_superuser, roles_of
from predictions.db.versions import version_names
from predictions.models import Annotation, Prediction, Project
from predictions_api.http.fields import MAX_BIGINT

# Choices a filter spells out; an id in the address reaches the others.
MAX_CHOICES = 200
# Choices of a filter that is applied where no list offers them.
UNLISTED = [("", "")]
# Rows of a project that filters without an index of their own look through, the newest first: a
# filter that lets nothing through would otherwise read a million.
NEWEST = 100_000
# An empty list has this many bytes at most, and nothing else so few. Unlike the list itself they
# are known without reading what a long result has outside its row.
STORED_SIZE = Func(F("result"), function="pg_column_size", output_field=IntegerField())
EMPTY_BYTES = 8
ENDPOINT = r"(-?[0-9]{1,9}(?:\.[0-9]{1,9})?)?"
RANGE = re.compile(rf"{ENDPOINT}\.\.{ENDPOINT}", re.ASCII)
MOST_DAYS = 36_500


def projects_of(request: HttpRequest) -> list[int]:
    """Ids of the projects in the caller's workspaces. One statement a request.

    As a list: the planner then knows how few they are, and takes the index that begins with them.
    """
    known: list[int] | None = getattr(request, "desk_projects", None)
    if known is None:
        rows = Project.objects.filter(workspace_id__in=list(roles_of(request)))
        known = list(rows.values_list("pk", flat=True))
        request.desk_projects = known  # type: ignore[attr-defined]
    return known


class ProjectFilter(admin.SimpleListFilter):
    """The newest projects that the caller sees."""

    title = "project"
    parameter_name = "project"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Named by title; none are looked up where no list shows them."""
        if model_admin is None:
            return UNLISTED
        projects = admin.site.get_model_admin(Project).get_queryset(request).order_by("-id")
        rows = projects.values_list("pk", "title", "slug")[:MAX_CHOICES]
        return [(str(pk), title or slug) for pk, title, slug in rows]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Rows of the chosen project; none for text that is no id."""
        value = self.value()
        if value is None:
            return queryset
        is_id = value.isdecimal() and int(value) <= MAX_BIGINT
        return queryset.filter(project_id=int(value)) if is_id else queryset.none()


def chosen_project(request: HttpRequest) -> int | None:
    """The project that the address names, if the caller sees it."""
    text = request.GET.get(ProjectFilter.parameter_name, "")
    if not text.isdecimal() or int(text) > MAX_BIGINT:
        return None
    is_mine = is_superuser(request) or int(text) in projects_of(request)
    return int(text) if is_mine else None


class VersionFilter(admin.SimpleListFilter):
    """Model versions of the chosen project: it appears once a project is chosen."""

    title = "model version"
    parameter_name = "version"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """In alphabetical order; none are looked up where no list shows them."""
        project = chosen_project(request)
        if model_admin is None:
            return [] if project is None else UNLISTED
        names = [] if project is None else version_names(project, limit=MAX_CHOICES)
        return [(name, name or "(none)") for name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """By the index on the first 200 characters. Without a name also those of the null one."""
        value = self.value()
        if value is None or "\0" in value:
            return queryset
        is_of_it = Q(version_start=value)
        if not value:
            is_of_it |= Q(version_start__isnull=True)
        chosen: QuerySet[Any] = queryset.alias(version_start=Left("model_version", 200))
        return chosen.filter(is_of_it)


class NewestFilter(admin.SimpleListFilter):
    """A filter without an index: it appears once a project is chosen, and looks at its NEWEST rows.

    Served by the index on (project, id), read backwards.
    """

    #: What each value of the address is called.
    choices_offered: ClassVar[Sequence[tuple[str, str]]] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """The choices, for a project."""
        self.project = chosen_project(request)
        return () if self.project is None else self.choices_offered

    def clause(self, value: str) -> Q | None:
        """What the value lets through; None for one that means nothing."""
        raise NotImplementedError

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Rows that the value lets through, among the newest of the project."""
        value = self.value()
        if value is None or self.project is None:
            return queryset
        clause = self.clause(value)
        if clause is None:
            return queryset.none()
        newest = queryset.model._default_manager.filter(project_id=self.project).order_by("-pk")
        oldest = newest.values("pk")[NEWEST : NEWEST + 1]
        return queryset.filter(clause, pk__gt=Coalesce(Subquery(oldest), 0))


class ScoreFilter(NewestFilter):
    """`score=0.25..0.5`: from the first to below the second; the last range takes its end along."""

    title = "score"
    parameter_name = "score"
    choices_offered = (
        # A score may be negative.
        ("..0.25", "below 0.25"),
        ("0.25..0.5", "0.25 to 0.5"),
        ("0.5..0.75", "0.5 to 0.75"),
        ("0.75..", "0.75 and above"),
        ("none", "no score"),
    )

    def clause(self, value: str) -> Q | None:
        """Any two numbers, or one of them, will do."""
        if value == "none":
            return Q(score__isnull=True)
        found = RANGE.fullmatch(value)
        if found is None:
            return None
        low, high = found.groups()
        lower = Q(score__gte=float(low)) if low else Q(score__isnull=False)
        return lower & Q(score__lt=float(high)) if high else lower


class CreatedFilter(NewestFilter):
    """`created=7`: in the past so many days."""

    title = "created"
    parameter_name = "created"
    choices_offered = (("1", "past day"), ("7", "past 7 days"), ("30", "past 30 days"))

    def clause(self, value: str) -> Q | None:
        """Up to a hundred years."""
        if not value.isdecimal() or not 0 < int(value) <= MOST_DAYS:
            return None
        return Q(created_at__gte=datetime.now(UTC) - timedelta(days=int(value)))


class PredictionProblemFilter(NewestFilter):
    """What may be wrong with a prediction."""

    title = "problem"
    parameter_name = "problem"
    choices_offered = (
        ("empty", "no regions"),
        ("unscored", "no score"),
        ("suspect", "task may be mislabeled"),
    )

    def clause(self, value: str) -> Q | None:
        return {
            "empty": Q(LessThanOrEqual(STORED_SIZE, EMPTY_BYTES)),
            "unscored": Q(score__isnull=True),
            "suspect": Q(mislabeling__gt=0),
        }.get(value)


def _none_of(model: type[Prediction] | type[Annotation]) -> IsNull:
    """Whether a task has none: one look into the index on (task, id) for each task.

    NOT EXISTS would let Postgres read all of the other table at once.
    """
    on_task = model._default_manager.filter(task_id=OuterRef("pk"), slot=OuterRef("slot"))
    one = on_task.values("pk")[:1]
    return IsNull(Subquery(one), True)


class TaskProblem(NamedTuple):
    """A problem of tasks that a room above this one knows: its value in the address, its name, and
    which tasks of a project have it.
    """

    value: str
    title: str
    clause: Callable[[int], Q]


_problems: list[TaskProblem] = []


def register_problem(problem: TaskProblem) -> None:
    """From now on among the problems that tasks are filtered by, before those of this room."""
    if problem not in _problems:
        _problems.append(problem)


class TaskProblemFilter(NewestFilter):
    """What is missing on a task, or what another room says is wrong with it."""

    title = "problem"
    parameter_name = "problem"
    choices_offered = (
        ("unpredicted", "no prediction"),
        ("unannotated", "no annotation"),
    )

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """The registered problems, then those of this room, for a project."""
        own = super().lookups(request, model_admin)
        return [*((p.value, p.title) for p in _problems), *own] if own else ()

    def clause(self, value: str) -> Q | None:
        project = self.project
        for problem in _problems:
            if problem.value == value and project is not None:
                return problem.clause(project)
        return {
            "unpredicted": Q(_none_of(Prediction)),
            "unannotated": Q(_none_of(Annotation)),
        }.get(value)


class GroundTruthFilter(NewestFilter):
    """What predictions are measured against."""

    title = "ground truth"
    parameter_name = "ground_truth"
    choices_offered = (("yes", "ground truth"), ("no", "others"))

    def clause(self, value: str) -> Q | None:
        counts = Q(ground_truth=True, was_cancelled=False)
        return {"yes": counts, "no": ~counts}.get(value)
