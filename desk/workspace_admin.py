"""What all pages of the reviewers' desk share: who sees and changes what, and lists that stay fast.

Memberships decide, not Django's permissions: a reader sees a workspace, a member changes what is
in it, an owner its members and keys too; a superuser everything. What belongs to another workspace
does not exist: every page, choice list and action starts from `get_queryset`.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.contrib.admin import ShowFacets
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import models
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, path
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from rest_framework.exceptions import NotFound, ValidationError
from unfold.admin import ModelAdmin
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts import sessions
from accounts.models import Membership, Workspace
from accounts.tokens import Access
from predictions_api.wording import when

View = Callable[..., HttpResponseBase]

OWNERS = frozenset({Membership.Role.OWNER.value})
WRITERS = OWNERS | {Membership.Role.MEMBER.value}
NOT_ALLOWED = "You may not change anything in this workspace."


def roles_of(request: HttpRequest) -> dict[int, str]:
    """The caller's role by workspace id. One statement a request."""
    known: dict[int, str] | None = getattr(request, "desk_roles", None)
    if known is None:
        known = sessions.roles_of(request.user.pk or 0)
        request.desk_roles = known  # type: ignore[attr-defined]
    return known


def is_superuser(request: HttpRequest) -> bool:
    """Whether the caller sees and changes everything."""
    return bool(getattr(request.user, "is_superuser", False))


def workspaces_of(request: HttpRequest, roles: Iterable[str]) -> list[int]:
    """Ids of the workspaces where the caller has one of the roles."""
    wanted = set(roles)
    return [workspace for workspace, role in roles_of(request).items() if role in wanted]


def owns_a_workspace(request: HttpRequest) -> bool:
    """Whether pages for owners are worth a line in the sidebar."""
    return is_superuser(request) or bool(workspaces_of(request, OWNERS))


def access_of(request: HttpRequest, workspace_id: int, *, field: str) -> Access:
    """What the write rooms ask for. ValidationError at the field where the caller only reads."""
    role = roles_of(request).get(workspace_id)
    if is_superuser(request):
        role = role if role in WRITERS else Membership.Role.OWNER.value
    if role not in WRITERS:
        raise ValidationError({field: [NOT_ALLOWED]})
    return Access(
        user_id=int(request.user.pk or 0),
        workspace_id=workspace_id,
        role=role,
        scopes=None,
        token_id=None,
    )


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than it pages: 10,000 rows, however many there are.

    The rest is reached with filters and by id. Counting a million rows would cost more than the
    page itself.
    """

    LIMIT: ClassVar[int] = 10_000
    template_name = "desk/pages.html"

    @cached_property
    def _counted(self) -> int:
        rows = self.object_list
        if isinstance(rows, QuerySet):
            # In the page's order: the same index, which stops at the limit.
            return rows.values("pk")[: self.LIMIT + 1].count()
        return len(rows)

    @property
    def count(self) -> int:
        return min(self._counted, self.LIMIT)

    @property
    def has_more(self) -> bool:
        """Whether rows follow that no page shows."""
        return self._counted > self.LIMIT


class BoundedChangeList(ChangeList):  # type: ignore[misc]
    """A list whose header does not offer to count and show everything."""

    def get_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> QuerySet[Any]:
        """The rows, with only the columns that the list shows."""
        found: QuerySet[Any] = super().get_queryset(request, *args, **kwargs)
        listed: QuerySet[Any] = self.model_admin.listed(found)
        return listed

    def get_results(self, request: HttpRequest) -> None:
        """One page."""
        super().get_results(request)
        self.full_result_count = self.result_count


CODE = UnfoldAdminTextareaWidget(
    attrs={"rows": 14, "spellcheck": "false", "style": "font-family: monospace"}
)


class PrettyJSONField(forms.JSONField):
    """JSON as a person reads it. `[]` and `{}` are values like any other."""

    empty_values = (None, "")

    def prepare_value(self, value: Any) -> Any:
        """Indented, unless it is the text a person has just sent."""
        if isinstance(value, forms.fields.InvalidJSONInput):
            return str(value)
        return json.dumps(value, ensure_ascii=False, indent=2)


class DeskForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form whose values are checked by the write room they go to, not by the model.

    `refusals` is what that room objected to when the same values were sent to it just before.
    """

    refusals: ClassVar[Mapping[str, Sequence[str]]] = {}

    def clean(self) -> dict[str, Any]:
        """Shows the room's objections, each at its field."""
        for field, messages in self.refusals.items():
            self.add_error(field if field in self.fields else None, list(messages))
        return self.cleaned_data

    def _get_validation_exclusions(self) -> set[str]:
        return {field.name for field in self._meta.model._meta.fields}


class WorkspaceAdmin(ModelAdmin):  # type: ignore[misc]
    """Pages of one model whose rows belong to workspaces."""

    # Who may add, change and delete.
    writers: ClassVar[frozenset[str]] = WRITERS

    paginator = BoundedPaginator
    show_full_result_count = False
    # Each choice of a filter with its count would be as many counts of everything.
    show_facets = ShowFacets.NEVER
    list_per_page = list_max_show_all = 50
    list_disable_select_all = True
    formfield_overrides = {models.JSONField: {"form_class": PrettyJSONField, "widget": CODE}}

    def workspace_id_of(self, obj: Any) -> int:
        """Whose row it is."""
        raise NotImplementedError

    def pages(self) -> Mapping[str, tuple[str, View]]:
        """More pages: by name the route below the list's address, and the view.

        Their addresses are `admin:APP_MODEL_NAME`; whoever is not logged in is asked to.
        """
        return {}

    def get_urls(self) -> list[URLPattern]:
        """Those pages before Django's, which take any text for an id."""
        stem = f"{self.opts.app_label}_{self.opts.model_name}"
        more = [
            path(route, self.admin_site.admin_view(view), name=f"{stem}_{name}")
            for name, (route, view) in self.pages().items()
        ]
        return [*more, *super().get_urls()]

    def found(self, request: HttpRequest, **key: Any) -> Any:
        """The one row of that key which the caller may see. Http404 for any other."""
        row = self.get_queryset(request).filter(**key).first()
        if row is None or not self.has_view_permission(request, row):
            raise Http404
        return row

    def scope(self, request: HttpRequest) -> Q:
        """The rows a caller who is no superuser may see."""
        return Q(workspace_id__in=list(roles_of(request)))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """What exists for the caller."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows if is_superuser(request) else rows.filter(self.scope(request))

    def listed(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Rows as the list needs them."""
        return rows

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BoundedChangeList]:
        """Lists that count no further than they page."""
        return BoundedChangeList

    def get_field_queryset(self, db: Any, db_field: Any, request: HttpRequest) -> Any:
        """Choices of a foreign key: what the caller sees on the other model's own pages.

        Of workspaces those that the caller may write to.
        """
        other = self.admin_site._registry.get(db_field.remote_field.model)
        if other is None:
            return db_field.remote_field.model._default_manager.none()
        rows = other.get_queryset(request).order_by(*other.get_ordering(request))
        if other.model is Workspace and not is_superuser(request):
            return rows.filter(pk__in=workspaces_of(request, self.writers))
        return rows

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Only filters that the page offers: others would let a column be guessed bit by bit."""
        return lookup in {offered.parameter_name for offered in self.list_filter}

    def _has_role(self, request: HttpRequest, obj: Any, roles: Iterable[str]) -> bool:
        if is_superuser(request):
            return True
        allowed = workspaces_of(request, roles)
        return bool(allowed) if obj is None else self.workspace_id_of(obj) in allowed

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._has_role(request, obj, Membership.Role.values)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._has_role(request, None, self.writers)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._has_role(request, obj, self.writers)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._has_role(request, obj, self.writers)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """The form, knowing what the write room refused a moment ago."""
        form = super().get_form(request, obj, change=change, **kwargs)
        form.refusals = getattr(request, "desk_refusals", {})
        return form

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The page; where a write room refuses, nothing is stored and the page says why."""
        try:
            response: HttpResponse = super().changeform_view(request, *args, **kwargs)
        except ValidationError as refusal:
            request.desk_refusals = _by_field(refusal.detail)  # type: ignore[attr-defined]
            response = super().changeform_view(request, *args, **kwargs)
        except NotFound as gone:
            raise Http404 from gone
        return response

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What is named before it is deleted. What belongs to it goes too, in the database.

        Collecting that first, as Django does, would load a project's million predictions.
        """
        rows = list(objs)
        if not all(self.has_delete_permission(request, row) for row in rows):
            return [str(row) for row in rows], {}, {str(self.opts.verbose_name)}, []
        count = {str(self.opts.verbose_name_plural): len(rows)}
        return [f"{row}, with everything in it" for row in rows], count, set(), []

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """One by one, each through the room that deletes it."""
        for row in queryset:
            self.delete_model(request, row)


def _by_field(detail: Any) -> dict[str, list[str]]:
    """A refusal's messages by form field, those about no field under `__all__`."""
    if not isinstance(detail, Mapping):
        return {"__all__": _texts(detail)}
    return {str(field): _texts(messages) for field, messages in detail.items()}


def _texts(messages: Any) -> list[str]:
    if isinstance(messages, Mapping):
        return [text for inner in messages.values() for text in _texts(inner)]
    if isinstance(messages, list):
        return [text for inner in messages for text in _texts(inner)]
    return [str(messages)]


def became(obj: models.Model, pk: int) -> None:
    """Makes a form's unsaved object the row that a write room has just stored."""
    obj.pk = pk
    obj.refresh_from_db()


def forbid(allowed: bool) -> None:
    """PermissionDenied unless allowed."""
    if not allowed:
        raise PermissionDenied


def time_ago(moment: datetime | None) -> SafeString | str:
    """`3 minutes ago`, with the exact time for whoever points at it."""
    if moment is None:
        return "never"
    exact = moment.isoformat(sep=" ", timespec="seconds")
    return format_html(
        '<time class="whitespace-nowrap" datetime="{}" title="{}">{}</time>',
        exact,
        exact,
        when(moment),
    )


def pretty(value: Any) -> SafeString:
    """JSON for reading."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return format_html('<pre class="whitespace-pre-wrap break-words">{}</pre>', text)
