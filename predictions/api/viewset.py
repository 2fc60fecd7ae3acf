"""What the endpoints share: the caller's access, ids in paths, validated bodies, JSON out."""

from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, TypeVar

from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from rest_framework import status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.serializers import Serializer
from rest_framework.viewsets import GenericViewSet

from accounts.authentication import access_of
from accounts.tokens import Access
from predictions_api.http.fields import MAX_BIGINT, PK_TEXT
from predictions_api.http.rendering import dumps
from predictions_api.names import by_letters, misspelt, no_such
from predictions_api.replicas.views import FromReplica

M = TypeVar("M", bound=Model)

NO_PROJECT = "No Project matches the given query."
REQUIRED = "This field is required."
#: For an action that reads after it has written: without its answer nothing is stored.
committed_with_its_answer = transaction.atomic


def json_response(document: Any, status_code: int = status.HTTP_200_OK) -> HttpResponse:
    """JSON bytes, past the renderer: the negotiation has already let only JSON through."""
    return HttpResponse(dumps(document), status=status_code, content_type="application/json")


@cache
def _made_once(classes: tuple[type[Any], ...]) -> list[Any]:
    return [made() for made in classes]


@cache
def _response_headers(view: type["Rows"], actions: tuple[tuple[str, str], ...]) -> dict[str, str]:
    headers: dict[str, str] = super(Rows, view.with_actions(actions)).default_response_headers
    return headers


class Rows(FromReplica, GenericViewSet[Any]):
    """What every view here shares: the caller's access and ids that cannot overflow a bigint.

    Parsers, authenticators and the negotiator keep nothing between requests, so they are made
    once, as are the headers of an answer: making them took a sixth of a request (measured).
    """

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """The framework's request. What it would look for elsewhere at each use is its own."""
        made: Request = super().initialize_request(request, *args, **kwargs)
        vars(made).update(META=request.META, method=request.method)
        return made

    def get_parsers(self) -> list[Any]:
        """The same ones for every request."""
        return _made_once(tuple(self.parser_classes))

    def get_authenticators(self) -> list[Any]:
        """The same ones for every request."""
        return _made_once(tuple(self.authentication_classes))

    def get_content_negotiator(self) -> Any:
        """The same one for every request."""
        return _made_once((self.content_negotiation_class,))[0]

    @classmethod
    def with_actions(cls, actions: tuple[tuple[str, str], ...]) -> "Rows":
        """A view of these methods, as a route binds it."""
        view = cls()
        view.action_map = dict(actions)
        for method, action in actions:
            setattr(view, method, getattr(view, action))
        return view

    @property
    def default_response_headers(self) -> dict[str, str]:
        """Which methods the route takes, in a dictionary of the request's own."""
        return dict(_response_headers(type(self), tuple(self.action_map.items())))

    #: What OPTIONS calls the list, and one of its rows, in Label Studio's words.
    list_name: ClassVar[str] = ""
    detail_name: ClassVar[str] = ""

    def get_view_name(self) -> str:
        """An action's own name, else the list's or the row's."""
        kind = self.detail_name if self.detail else self.list_name
        return self.name or kind or super().get_view_name()

    def access(self) -> Access:
        return access_of(self.request)

    def row_of(self, rows: QuerySet[M], missing: str, name: str = "pk") -> M:
        """The one of the rows that the path names. NotFound in these words where none is."""
        found = rows.filter(pk=self.row_id(name)).first()
        if found is None:
            raise NotFound(missing)
        return found

    def row_id(self, name: str = "pk") -> int:
        """The id in the path; 0, which no row has, where it is beyond any id.

        NotFound where it is no whole number.
        """
        text = self.kwargs[name]
        if not PK_TEXT.fullmatch(text):
            raise NotFound
        row_id = int(text)
        return row_id if 0 < row_id <= MAX_BIGINT else 0

    def checked(
        self, serializer_class: type[Serializer[Any]], *, partial: bool = False
    ) -> dict[str, Any]:
        """The validated body. ValidationError otherwise."""
        return validated(serializer_class, self.request.data, partial=partial)


@cache
def validator(serializer_class: type[Serializer[Any]], *, partial: bool) -> Serializer[Any]:
    """A serializer to validate with, made once: its fields keep nothing between calls, and
    copying them for each request took longer than everything else the request does here.
    """
    return serializer_class(partial=partial)


def validated(
    serializer_class: type[Serializer[Any]], body: Any, *, partial: bool = False
) -> dict[str, Any]:
    """The validated body. ValidationError otherwise."""
    if body is None:
        raise ValidationError(["No data provided"])
    refuse_misspelt(serializer_class, body)
    values: dict[str, Any] = validator(serializer_class, partial=partial).run_validation(body)
    return values


@cache
def _known(serializer_class: type[Serializer[Any]]) -> dict[str, str]:
    """The names of the fields that it reads, by their letters."""
    fields = serializer_class().fields.items()
    return by_letters(name for name, field in fields if not field.read_only)


def refuse_misspelt(serializer_class: type[Serializer[Any]], body: Any) -> None:
    """ValidationError for names of the body that are fields of the serializer written otherwise,
    such as `modelVersion`: it would pass over what they say.
    """
    if isinstance(body, Mapping) and (found := misspelt(body, _known(serializer_class))):
        raise ValidationError({name: [no_such("field", meant)] for name, meant in found.items()})
