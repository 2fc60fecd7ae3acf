"""Views of the caller, of their keys, and of the JWTs of newer Label Studio SDKs."""

from __future__ import annotations  # `list` is a method here

from typing import Any

from django.conf import settings
from django.db import IntegrityError
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import APIException, AuthenticationFailed, NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from accounts import audit, logins, tokens
from accounts.authentication import access_of
from accounts.models import ApiToken, AuditEntry, User, Workspace
from predictions_api.http.fields import MAX_BIGINT, PK_TEXT
from predictions_api.http.openapi import error_responses, public_errors
from predictions_api.http.parameters import OrderParameter, Parameters, ordered_documents

NO_USER = "No User matches the given query."
TEXT = serializers.CharField
TOKEN = inline_serializer("PlainToken", {"token": TEXT()})
REFRESH = inline_serializer("RefreshToken", {"refresh": TEXT()})
NO_KEY = (
    "Only digests of keys are stored, and you are not calling with one. Make a key in the admin,"
    " or with `manage.py token create`."
)


class SecondToken(APIException):
    """You already have a valid token. Please revoke it before creating a new one."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = __doc__


class WhoamiSerializer(serializers.Serializer[Any]):
    """The caller, as Label Studio's clients read them."""

    id = serializers.IntegerField()
    first_name = TEXT(allow_blank=True)
    last_name = TEXT(allow_blank=True)
    username = TEXT(allow_blank=True)
    email = serializers.EmailField()
    last_activity = serializers.DateTimeField(allow_null=True)
    avatar = TEXT(allow_null=True)
    initials = TEXT()
    phone = TEXT(allow_blank=True)
    active_organization = serializers.IntegerField()
    active_organization_meta = inline_serializer(
        "ActiveWorkspace", {"title": TEXT(), "email": TEXT()}
    )
    allow_newsletters = serializers.BooleanField(allow_null=True)
    date_joined = serializers.DateTimeField()


def person(user: User, workspace: Workspace) -> dict[str, Any]:
    """The document of /api/current-user/whoami."""
    name = (user.first_name[:1] + user.last_name[:1]) or user.email[:2]
    return {
        "id": user.pk,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "username": user.username or user.email.partition("@")[0],
        "email": user.email,
        "last_activity": user.last_login,
        "avatar": None,
        "initials": name,
        "phone": "",
        "active_organization": workspace.pk,
        "active_organization_meta": {
            "title": workspace.title or workspace.slug,
            "email": user.email,
        },
        "allow_newsletters": None,
        "date_joined": user.date_joined,
    }


def person_documents(workspace: Workspace, **chosen: Any) -> list[dict[str, Any]]:
    """The workspace's members as `person` has them, by id; only those that `chosen` names."""
    members = User.objects.filter(memberships__workspace=workspace, **chosen).order_by("pk")
    return [person(user, workspace) for user in members]


class MemberListParameters(Parameters):
    """How members are ordered."""

    ordering = OrderParameter(
        ("id", "email", "username", "first_name", "last_name", "last_activity", "date_joined"),
        help_text="Order; by id unless given.",
    )


class MembersView(APIView):
    """The members of the caller's workspace, its service accounts among them."""

    read_scope = None

    @extend_schema(
        operation_id="list_users",
        summary="List the workspace's members",
        parameters=[MemberListParameters],
        responses={200: WhoamiSerializer(many=True), **error_responses()},
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        workspace = Workspace.objects.get(pk=access_of(request).workspace_id)
        ordering = MemberListParameters.read(request.query_params)["ordering"]
        return Response(ordered_documents(person_documents(workspace), ordering))


class MemberView(APIView):
    """One member of the caller's workspace."""

    queryset = User.objects.none()
    read_scope = None

    @extend_schema(
        operation_id="get_user",
        summary="Get a member of the workspace",
        responses={200: WhoamiSerializer, **error_responses()},
    )
    def get(self, request: Request, pk: str, **kwargs: Any) -> Response:
        workspace = Workspace.objects.get(pk=access_of(request).workspace_id)
        user_id = int(pk) if PK_TEXT.fullmatch(pk) else 0
        found = person_documents(workspace, pk=user_id) if 0 < user_id <= MAX_BIGINT else []
        if not found:
            raise NotFound(NO_USER)
        return Response(found[0])


class WhoamiView(APIView):
    """The caller."""

    read_scope = None

    @extend_schema(
        operation_id="whoami",
        summary="Who am I",
        responses={200: WhoamiSerializer, **error_responses()},
    )
    def get(self, request: Request) -> Response:
        access = access_of(request)
        user = User.objects.get(pk=access.user_id)
        return Response(person(user, Workspace.objects.get(pk=access.workspace_id)))


def _key_of(request: Request) -> str | None:
    """The key that the request was authenticated with; None if it was something else."""
    if key := request.META.get("HTTP_X_API_KEY", "").strip():
        return str(key)
    scheme, _, key = request.META.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
    return key.strip() or None if scheme.lower() == "token" else None


class CurrentTokenView(APIView):
    """The caller's key."""

    read_scope = None

    @extend_schema(
        operation_id="get_current_key",
        summary="The key this request was sent with",
        responses={200: TOKEN, **error_responses()},
    )
    def get(self, request: Request) -> Response:
        key = _key_of(request)
        if key is None:
            raise NotFound(NO_KEY)
        return Response({"token": key})


class ResetTokenView(APIView):
    """Replaces the caller's key."""

    write_scope = None
    readers_may_write = True

    @extend_schema(
        operation_id="reset_current_key",
        summary="Revoke this key and make another",
        request=None,
        responses={201: TOKEN, **error_responses()},
    )
    def post(self, request: Request) -> Response:
        access = access_of(request)
        # A browser session has no token; no row has the id 0.
        old = ApiToken.objects.filter(pk=access.token_id or 0, kind=ApiToken.Kind.KEY).first()
        if old is None:
            raise NotFound(NO_KEY)
        made = tokens.replace(old)
        if made is None:  # another request has just replaced it
            raise AuthenticationFailed("Invalid token.")
        audit.by_request(request, "key.reset", target=f"key {old.pk}", new_key=made[0].pk)
        return Response({"token": made[1]}, status.HTTP_201_CREATED)


def _refresh_of(request: Request) -> ApiToken:
    text = request.data.get("refresh") if isinstance(request.data, dict) else None
    if not isinstance(text, str) or not text:
        raise serializers.ValidationError({"refresh": ["This field is required."]})
    token = tokens.live_refresh(text)
    if token is None:
        if logins.count_unknown_key(request._request):
            audit.by_request(request._request, "keys.guessed", named="an unknown refresh token")
        raise AuthenticationFailed("Token is invalid")
    return token


def _record_by_body(request: Request, action: str, token: ApiToken, **details: Any) -> None:
    audit.by_request(
        request,
        action,
        target=f"refresh token {token.pk}",
        workspace_id=token.workspace_id,
        actor=token.user,
        via=AuditEntry.Via.KEY,
        **details,
    )


# Without authentication: the body proves who calls.
OPEN: dict[str, Any] = {"authentication_classes": [], "permission_classes": []}


class TokenViewSet(ViewSet):
    """The caller's refresh tokens, and what anybody who holds one does with it."""

    serializer_class = serializers.Serializer
    read_scope = None
    write_scope = "admin"
    readers_may_write = True

    def get_authenticate_header(self, request: Request) -> str:
        """The WWW-Authenticate header; without it DRF would answer 403 instead of 401."""
        is_open = not self.authentication_classes
        return 'Bearer realm="api"' if is_open else super().get_authenticate_header(request)

    @extend_schema(
        operation_id="list_refresh_tokens",
        summary="List refresh tokens, truncated",
        responses={
            200: inline_serializer("TruncatedToken", {"token": TEXT()}, many=True),
            **error_responses(),
        },
    )
    def list(self, request: Request, **kwargs: Any) -> Response:
        access = access_of(request)
        kept = ApiToken.objects.filter(
            user_id=access.user_id,
            workspace_id=access.workspace_id,
            kind=ApiToken.Kind.REFRESH,
            revoked_at__isnull=True,
        )
        return Response([{"token": token.preview} for token in kept])

    @extend_schema(
        operation_id="create_refresh_token",
        summary="Make a refresh token",
        request=None,
        description="Has the scopes of the key that makes it, and ends with it.",
        responses={201: TOKEN, **error_responses(409)},
    )
    def create(self, request: Request, **kwargs: Any) -> Response:
        access = access_of(request)
        try:
            made = tokens.create_refresh(
                user_id=access.user_id,
                workspace_id=access.workspace_id,
                made_by_id=access.token_id,
            )
        except IntegrityError:
            raise SecondToken from None
        if made is None:  # another request has just revoked the key
            raise AuthenticationFailed("Invalid token.")
        audit.by_request(request, "refresh_token.created", target=f"refresh token {made[0].pk}")
        return Response({"token": made[1]}, status.HTTP_201_CREATED)

    @extend_schema(
        operation_id="refresh_access",
        summary="Exchange a refresh token for an access token of 300 seconds",
        request=REFRESH,
        responses={
            200: inline_serializer("AccessToken", {"access": TEXT()}),
            **public_errors(401, 415),
        },
    )
    @action(detail=False, methods=["post"], **OPEN)
    def refresh(self, request: Request, **kwargs: Any) -> Response:
        """Exchanges a refresh token for an access token."""
        return Response({"access": tokens.access_for(_refresh_of(request))})

    @extend_schema(
        operation_id="revoke_refresh_token",
        summary="Revoke a refresh token",
        request=REFRESH,
        responses={204: None, **public_errors(401, 415)},
    )
    @action(detail=False, methods=["post"], **OPEN)
    def blacklist(self, request: Request, **kwargs: Any) -> Response:
        """Revokes a refresh token."""
        token = _refresh_of(request)
        if tokens.revoke(token):
            _record_by_body(request, "refresh_token.revoked", token)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        operation_id="rotate_refresh_token",
        summary="Replace a refresh token",
        request=REFRESH,
        responses={200: REFRESH, **public_errors(401, 415)},
    )
    @action(detail=False, methods=["post"], **OPEN)
    def rotate(self, request: Request, **kwargs: Any) -> Response:
        """Replaces a refresh token."""
        token = _refresh_of(request)
        made = tokens.rotate(token)
        if made is None:  # another request has just replaced it
            raise AuthenticationFailed("Token is invalid")
        _record_by_body(request, "refresh_token.rotated", token, new_token=made[0].pk)
        return Response({"refresh": made[1]})


class JwtSettingsView(APIView):
    """Which kinds of token the workspace accepts."""

    read_scope = None

    @extend_schema(
        operation_id="get_token_settings",
        summary="Which tokens are accepted",
        responses={
            200: inline_serializer(
                "TokenSettings",
                {
                    "api_tokens_enabled": serializers.BooleanField(),
                    "legacy_api_tokens_enabled": serializers.BooleanField(),
                },
            ),
            **error_responses(),
        },
    )
    def get(self, request: Request) -> Response:
        workspace = Workspace.objects.get(pk=access_of(request).workspace_id)
        enabled = workspace.legacy_api_tokens_enabled
        return Response({"api_tokens_enabled": True, "legacy_api_tokens_enabled": enabled})


class VersionView(APIView):
    """The version of Label Studio whose API this is, and our own."""

    authentication_classes = []
    permission_classes = []

    @extend_schema(
        operation_id="get_version",
        summary="Which release answers",
        responses={
            200: inline_serializer(
                "Version",
                {
                    "release": TEXT(help_text="The Label Studio release whose answers these are."),
                    "label-studio-os-package": inline_serializer(
                        "PackageVersion", {"version": TEXT(), "short_version": TEXT()}
                    ),
                    "edition": TEXT(),
                    "predictions-api": inline_serializer("OwnVersion", {"version": TEXT()}),
                },
            ),
            **public_errors(),
        },
    )
    def get(self, request: Request) -> Response:
        release = settings.LABEL_STUDIO_VERSION
        return Response(
            {
                "release": release,
                "label-studio-os-package": {
                    "version": release,
                    "short_version": release.rpartition(".")[0],
                },
                "edition": "Community",
                "predictions-api": {"version": settings.SPECTACULAR_SETTINGS["VERSION"]},
            }
        )
