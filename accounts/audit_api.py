"""The route by which owners read the audit trail."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import access_of
from accounts.models import AuditEntry, Membership
from predictions_api.http.openapi import answer_header, error_responses
from predictions_api.http.pagination import page_url
from predictions_api.http.parameters import (
    IdParameter,
    LimitParameter,
    MomentParameter,
    Parameters,
    TextParameter,
)

LIMIT, MAX_LIMIT = 100, 1000


class AuditParameters(Parameters):
    """Which rows are asked for."""

    action = TextParameter(help_text="Of this action: `key.created`; `key.` for all of keys.")
    actor = TextParameter(help_text="By this e-mail address.")
    since = MomentParameter(help_text="At this time or later.")
    until = MomentParameter(help_text="Before this time.")
    before = IdParameter(help_text="Older than the row of this id: the next page.")
    limit = LimitParameter(max_value=MAX_LIMIT, default=LIMIT)


class AuditEntrySerializer(serializers.ModelSerializer[AuditEntry]):
    """One request, or one call of `manage.py`."""

    details = serializers.DictField(help_text="More about it; its keys depend on the action.")

    class Meta:
        model = AuditEntry
        fields = (
            "id", "created_at", "actor_id", "actor", "via", "token_id", "action", "target",
            "details", "address", "request_id",
        )  # fmt: skip
        read_only_fields = fields


class AuditView(APIView):
    """What was done in the workspace, the newest first; for its owners."""

    read_scope = "admin"

    @extend_schema(
        operation_id="list_audit_entries",
        summary="Read the audit trail",
        description="For owners of the workspace, with the scope `admin`. The newest first.",
        parameters=[
            AuditParameters,
            answer_header("Link", 200, 'The next page, rel="next"; none after the last.'),
        ],
        responses={200: AuditEntrySerializer(many=True), **error_responses()},
    )
    def get(self, request: Request) -> Response:
        access = access_of(request)
        if access.role != Membership.Role.OWNER:
            raise PermissionDenied("Only owners read the audit trail.")
        asked = AuditParameters.read(request.query_params)
        rows = AuditEntry.objects.filter(workspace_id=access.workspace_id).order_by("-id")
        if action := asked["action"]:
            rows = rows.filter(
                **{"action__startswith" if action.endswith(".") else "action": action}
            )
        if asked["actor"]:
            rows = rows.filter(actor__iexact=asked["actor"])
        bounds = {"since": "created_at__gte", "until": "created_at__lt", "before": "id__lt"}
        given = {column: asked[name] for name, column in bounds.items() if asked[name] is not None}
        limit = asked["limit"]
        found = list(rows.filter(**given)[: limit + 1])
        response = Response(AuditEntrySerializer(found[:limit], many=True).data)
        if len(found) > limit:
            response["Link"] = f'<{page_url(request, before=found[limit - 1].pk)}>; rel="next"'
        return response
