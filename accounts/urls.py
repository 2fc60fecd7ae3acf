"""Routes of the caller, their keys and tokens, and the version of the service."""

from django.urls import path, re_path

from accounts import views
from predictions_api.http.routers import both

urlpatterns = [
    path("api/current-user/whoami", views.WhoamiView.as_view(), name="whoami"),
    path("api/current-user/token", views.CurrentTokenView.as_view(), name="current-token"),
    both("api/current-user/reset-token", views.ResetTokenView.as_view(), "reset-token"),
    both("api/token", views.RefreshTokensView.as_view(), "token-list"),
    both("api/token/refresh", views.AccessTokenView.as_view(), "token-refresh"),
    both("api/token/blacklist", views.BlacklistTokenView.as_view(), "token-blacklist"),
    both("api/token/rotate", views.RotateTokenView.as_view(), "token-rotate"),
    path("api/jwt/settings", views.JwtSettingsView.as_view(), name="jwt-settings"),
    both("api/version", views.VersionView.as_view(), "version"),
    # The same as /api/version, which is the one documented.
    re_path("^version/?$", views.VersionView.as_view(schema=None), name="plain-version"),
]
