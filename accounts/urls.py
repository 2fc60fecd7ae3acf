"""Routes of the caller, their keys and tokens, and the version of the service."""

from django.urls import path, re_path

from accounts import audit_api, views
from predictions_api.http.routers import ID, Router, both

router = Router()
router.register("api/token", views.TokenViewSet, basename="token")

urlpatterns = [
    path("api/current-user/whoami", views.WhoamiView.as_view(), name="whoami"),
    path("api/current-user/token", views.CurrentTokenView.as_view(), name="current-token"),
    both("api/current-user/reset-token", views.ResetTokenView.as_view(), "reset-token"),
    *router.urls,
    both("api/users", views.MembersView.as_view(), "users"),
    both(f"api/users/{ID}", views.MemberView.as_view(), "user"),
    path("api/jwt/settings", views.JwtSettingsView.as_view(), name="jwt-settings"),
    both("api/audit", audit_api.AuditView.as_view(), "audit"),
    both("api/version", views.VersionView.as_view(), "version"),
    # The same as /api/version, which is the one documented.
    re_path("^version/?$", views.VersionView.as_view(schema=None), name="plain-version"),
]
