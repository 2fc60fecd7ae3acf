"""Decides whether a caller may do what they ask: by their role, then by their key's scopes."""

from typing import TYPE_CHECKING

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.tokens import Access

if TYPE_CHECKING:
    from rest_framework.views import APIView


class MembershipAllows(BasePermission):
    """Readers may only read; a key with scopes may only do what they allow.

    A view names the scopes it needs as `read_scope` and `write_scope`; None needs no scope.
    """

    message = "You do not have permission to perform this action."

    def has_permission(self, request: Request, view: "APIView") -> bool:
        access = request.auth
        if not isinstance(access, Access):
            return False
        is_read = request.method in SAFE_METHODS
        if not is_read and not access.may_write and not getattr(view, "readers_may_write", False):
            self.message = "A reader may not change anything in this workspace."
            return False
        name = "read_scope" if is_read else "write_scope"
        scope = getattr(view, name, f"predictions:{'read' if is_read else 'write'}")
        if scope is not None and not access.allows(scope):
            self.message = f'This key lacks the scope "{scope}".'
            return False
        return True
