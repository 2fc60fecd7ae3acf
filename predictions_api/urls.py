"""The root of the routes: includes each room's, in the order in which they are tried."""

from django.contrib import admin
from django.urls import include, path, re_path

from desk import error_pages
from desk.access.passwords import SetPassword
from predictions_api.docs import schema, views
from predictions_api.operations import observability
from prompts.urls import of_predictions

handler400 = "desk.error_pages.bad_request"
handler403 = "desk.error_pages.permission_denied"
handler404 = "desk.error_pages.not_found"
handler500 = "desk.error_pages.server_error"

urlpatterns = [
    path("api/predictions/", include(of_predictions)),
    path("", include("predictions.urls")),
    path("", include("prompts.urls")),
    path("", include("backends.urls")),
    path("", include("accounts.urls")),
    path("api/schema/", schema.SchemaView.as_view(), name="schema"),
    re_path("^docs/?$", views.page, name="docs"),
    re_path("^docs/swagger/?$", schema.swagger, name="swagger"),
    re_path("^docs/redoc/?$", schema.redoc, name="redoc"),
    re_path("^docs/search/?$", views.search, name="docs-search"),
    re_path("^docs/(?P<path>.+?)/?$", views.page, name="docs-page"),
    re_path("^health/?$", observability.health, name="health"),
    re_path("^ready/?$", observability.ready, name="ready"),
    path("metrics", observability.metrics, name="metrics"),
    path("admin/password/<uidb64>/<token>/", SetPassword.as_view(), name="set-password"),
    path("admin/", admin.site.urls),
    path("admin", error_pages.desk, name="desk"),
    path("favicon.ico", error_pages.favicon, name="favicon"),
    path("", include("evals.urls")),
]
