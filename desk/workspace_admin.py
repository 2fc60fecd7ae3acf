"""`WorkspaceAdmin`, the base of all admin classes: permissions by membership, and fast lists.

A reader sees a workspace, a member changes what is in it, an owner also its members and keys, a
superuser everything; Django's permissions are not used. Rows of other workspaces do not exist:
every page, list of choices and action starts from `get_queryset`.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, TypeVar

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
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts import sessions
from accounts.models import Membership, Workspace
from accounts.tokens import Access
from desk.recorded import RecordedAdmin
from predictions_api.wording import when

View = Callable[..., HttpResponseBase]
T = TypeVar("T", bound=models.Model)

OWNERS = frozenset({Membership.Role.OWNER.value})
WRITERS = OWNERS | {Membership.Role.MEMBER.value}
NOT_ALLOWED = "You may not change anything in this workspace."


def roles_of(request: HttpRequest) -> dict[int, str]:
    """The caller's role by workspace id: what the session has read along, else one statement."""
    known: dict[int, str] | None = getattr(request, "desk_roles", None)
    if known is None:
        read = getattr(request.user, "roles", None)
        known = sessions.roles_of(request.user.pk or 0) if read is None else dict(read)
        request.desk_roles = known  # type: ignore[attr-defined]
    return known


def is_superuser(request: HttpRequest) -> bool:
    """Whether the caller sees and changes everything."""
    return bool(getattr(request.user, "is_superuser", False))


def workspaces_of(request: HttpRequest, roles: Iterable[str]) -> list[int]:
    """Ids of the workspaces where the caller has one of the roles."""
    wanted = set(roles)
    return [workspace for workspace, role in roles_of(request).items() if role in wanted]


def visible(request: HttpRequest, rows: QuerySet[T], path: str = "workspace_id") -> QuerySet[T]:
    """Those of the rows that are of the caller's workspaces; `path` leads to a row's workspace."""
    return (
        rows if is_superuser(request) else rows.filter(**{f"{path}__in": list(roles_of(request))})
    )


def is_owner(request: HttpRequest, workspace_id: int) -> bool:
    """Whether the caller owns the workspace."""
    return is_superuser(request) or roles_of(request).get(workspace_id) in OWNERS


def owns_a_workspace(request: HttpRequest) -> bool:
    """Whether the sidebar shows the pages for owners."""
    return is_superuser(request) or bool(workspaces_of(request, OWNERS))


def access_of(request: HttpRequest, workspace_id: int, *, field: str) -> Access:
    """The caller's `Access` for writes. ValidationError at the field if they may only read."""
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
    """Counts and pages at most 10,000 rows, however many there are.

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
    """A list that never counts or shows all rows."""

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
    """An indented JSON field. `[]` and `{}` are not empty."""

    empty_values = (None, "")

    def prepare_value(self, value: Any) -> Any:
        """Indented JSON; text that was just submitted stays as it is."""
        if isinstance(value, forms.fields.InvalidJSONInput):
            return str(value)
        return json.dumps(value, ensure_ascii=False, indent=2)


class LinesField(forms.CharField):
    """Text of several lines. Browsers send their ends as CRLF: a text that nobody touched would
    count as changed, and be stored otherwise.
    """

    def to_python(self, value: Any) -> Any:
        """With the ends that text has elsewhere."""
        text = super().to_python(value)
        return text.replace("\r\n", "\n") if isinstance(text, str) else text

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether more than the ends of its lines differs."""
        return super().has_changed(self.to_python(initial), data)


class DeskForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form whose values are checked by the function that writes them, not by the model.

    `refusals` are the errors of that function for the same values.
    """

    refusals: ClassVar[Mapping[str, Sequence[str]]] = {}

    def clean(self) -> dict[str, Any]:
        """Adds the errors, each at its field."""
        for field, messages in self.refusals.items():
            self.add_error(field if field in self.fields else None, list(messages))
        return self.cleaned_data

    def _get_validation_exclusions(self) -> set[str]:
        return {field.name for field in self._meta.model._meta.fields}


class WorkspaceAdmin(RecordedAdmin):
    """The admin of a model whose rows belong to workspaces."""

    # Who may add, change and delete.
    writers: ClassVar[frozenset[str]] = WRITERS

    paginator = BoundedPaginator
    show_full_result_count = False
    # Each choice of a filter with its count would be as many counts of everything.
    show_facets = ShowFacets.NEVER
    list_per_page = list_max_show_all = 50
    list_disable_select_all = True
    formfield_overrides = {
        models.JSONField: {"form_class": PrettyJSONField, "widget": CODE},
        models.TextField: {"form_class": LinesField},
    }
    #: The field that says where a row belongs. It is chosen once; a row never moves.
    belongs_to: ClassVar[str] = ""
    #: What an empty list says: what its rows are for, and what makes the first one.
    when_empty: ClassVar[str] = ""

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """With the field that says where an existing row belongs."""
        is_fixed = obj is not None and self.belongs_to
        return (self.belongs_to, *self.readonly_fields) if is_fixed else self.readonly_fields

    def pages(self) -> Mapping[str, tuple[str, View]]:
        """Further pages: name, route below the list's URL, and view.

        Their URLs are `admin:APP_MODEL_NAME`. They need a login.
        """
        return {}

    def get_urls(self) -> list[URLPattern]:
        """Those pages, then Django's, whose routes accept any text as an id."""
        stem = f"{self.opts.app_label}_{self.opts.model_name}"
        more = [
            path(route, self.admin_site.admin_view(view), name=f"{stem}_{name}")
            for name, (route, view) in self.pages().items()
        ]
        return [*more, *super().get_urls()]

    def found(self, request: HttpRequest, **key: Any) -> Any:
        """The row with that id. Http404 if the caller may not see it."""
        row = self.get_queryset(request).filter(**key).first()
        if row is None or not self.has_view_permission(request, row):
            raise Http404
        return row

    def scope(self, request: HttpRequest) -> Q:
        """The rows a caller who is no superuser may see."""
        return Q(workspace_id__in=list(roles_of(request)))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The rows that the caller may see."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows if is_superuser(request) else rows.filter(self.scope(request))

    def listed(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """The rows with what the list needs, such as joins."""
        return rows

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BoundedChangeList]:
        """The list without full counts."""
        return BoundedChangeList

    def get_field_queryset(self, db: Any, db_field: Any, request: HttpRequest) -> Any:
        """Choices of a foreign key: the rows that the caller may see.

        Of workspaces, those that the caller may write to.
        """
        other = self.admin_site._registry.get(db_field.remote_field.model)
        if other is None:
            return db_field.remote_field.model._default_manager.none()
        rows = other.get_queryset(request).order_by(*other.get_ordering(request))
        if other.model is Workspace and not is_superuser(request):
            return rows.filter(pk__in=workspaces_of(request, self.writers))
        return rows

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Only the page's own filters: others would allow to guess columns bit by bit."""
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
        """The form with the errors of the function that writes its values."""
        form = super().get_form(request, obj, change=change, **kwargs)
        form.refusals = getattr(request, "desk_refusals", {})
        return form

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The page. If writing is refused, nothing is stored and the form shows the errors."""
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
        """Deletes the rows one by one, with the function that deletes them elsewhere."""
        for row in queryset:
            self.delete_model(request, row)


def _by_field(detail: Any) -> dict[str, list[str]]:
    """An error's messages by form field; those about no field under `__all__`."""
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
    """Copies the stored row into the form's unsaved object."""
    obj.pk = pk
    obj.refresh_from_db()


def forbid(allowed: bool) -> None:
    """PermissionDenied unless allowed."""
    if not allowed:
        raise PermissionDenied


def time_ago(moment: datetime | None) -> SafeString | str:
    """`3 minutes ago` as HTML, with the exact time as tooltip."""
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
    """Indented JSON as HTML."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return format_html('<pre class="whitespace-pre-wrap break-words">{}</pre>', text)
