"""Django's settings, read from the environment; docs/reference/settings.md lists each variable.

Nothing here opens a connection or starts a process: the embedded Postgres starts on first use.
"""

import os
import secrets
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from desk.theme import UNFOLD as UNFOLD
from predictions_api.files import storage
from predictions_api.operations.logs import logging_config
from predictions_api.policy import POLICY
from predictions_api.postgres.settings import databases

BASE_DIR = Path(__file__).resolve().parent.parent


def flag(name: str, *, default: bool) -> bool:
    """`1`, `true`, `yes` and `on` in any case are true; every other text is false."""
    return os.environ.get(name, str(default)).strip().lower() in {"1", "true", "yes", "on"}


def words(name: str, *, default: str) -> list[str]:
    """A comma-separated list without empty entries."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


DEBUG = flag("DEBUG", default=False)
DATA_DIR = (BASE_DIR / (os.environ.get("DATA_DIR") or ".data")).resolve()
DATABASES = databases(data_dir=DATA_DIR)
# None: as each connection allows. A pooler that gives each transaction another connection
# (PgBouncer's mode) cannot keep them.
PREPARED_STATEMENTS = (
    flag("PREPARED_STATEMENTS", default=True) if os.environ.get("PREPARED_STATEMENTS") else None
)


def secret_key() -> str:
    """SECRET_KEY, or a key made once and kept in DATA_DIR beside the embedded database.

    With a DATABASE_URL the service may run on many machines, which must share the key, so there
    it has to be given.
    """
    if key := os.environ.get("SECRET_KEY"):
        return key
    if os.environ.get("DATABASE_URL") and not DEBUG:
        raise ImproperlyConfigured("Set SECRET_KEY: with DATABASE_URL there is no default secret.")
    kept = DATA_DIR / "secret_key"
    DATA_DIR.mkdir(parents=True, exist_ok=True)
    if not kept.exists():
        # Written whole before it gets its name: another process never reads half a key.
        made = DATA_DIR / f"secret_key.{os.getpid()}"
        made.touch(mode=0o600)
        made.write_text(secrets.token_urlsafe(50))
        with suppress(FileExistsError):
            os.link(made, kept)
        made.unlink()
    return kept.read_text()


SECRET_KEY = secret_key()
ALLOWED_HOSTS = words("ALLOWED_HOSTS", default="localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = words("CSRF_TRUSTED_ORIGINS", default="")
ALLOW_PRIVATE_URLS = flag("ALLOW_PRIVATE_URLS", default=False)
# Hosts and networks that may be called although they are private.
OUTBOUND_ALLOWED_HOSTS = [host.lower() for host in words("OUTBOUND_ALLOWED_HOSTS", default="")]
MAX_BODY_BYTES = int(os.environ.get("MAX_BODY_BYTES", 250 * 1024 * 1024))
# Folders that image roots may be in; none given: any.
LOCAL_FILES_ROOTS = [one for one in os.environ.get("LOCAL_FILES_ROOTS", "").split(":") if one]
# Put before a file's path in X-Accel-Redirect, where nginx sends the files of image roots.
SENDFILE_PREFIX = os.environ.get("SENDFILE_PREFIX", "").rstrip("/")
# Thumbnails are kept here, so many megabytes of them; the oldest make room.
THUMBNAILS_DIR = Path(os.environ.get("THUMBNAILS_DIR") or DATA_DIR / "thumbnails")
THUMBNAILS_MB = int(os.environ.get("THUMBNAILS_MB", 512))
# Rows of the audit trail are kept so many days.
AUDIT_DAYS = int(os.environ.get("AUDIT_DAYS", 365))
# Refresh tokens of Label Studio's SDK end after so many days, and with the key that made them.
REFRESH_TOKEN_DAYS = int(os.environ.get("REFRESH_TOKEN_DAYS", 365))
LOG_LEVEL = os.environ.get("LOG_LEVEL", "INFO").upper()

# Keys that encrypt providers' keys at rest, the newest first; SECRET_KEY where none is given.
ENCRYPTION_KEYS = words("ENCRYPTION_KEY", default="")

# Runs of prompts: seconds after a worker's last heartbeat until others take over its tasks.
RUN_LEASE_S = float(os.environ.get("RUN_LEASE_S", 60))
# Worker processes that may share one run; 0 for all that come.
RUN_EXECUTORS = int(os.environ.get("RUN_EXECUTORS", 0))
PROMPTER_SAMPLE_SUBSET_SIZE = int(os.environ.get("PROMPTER_SAMPLE_SUBSET_SIZE", 20))
PROVIDER_TIMEOUT_S = float(os.environ.get("PROVIDER_TIMEOUT_S", 120))
# The same for one that a web request waits for, and how many of a workspace may wait at once.
TRIAL_TIMEOUT_S = float(os.environ.get("TRIAL_TIMEOUT_S", 60))
TRIALS_AT_ONCE = int(os.environ.get("TRIALS_AT_ONCE", 4))
WEB_THREADS = int(os.environ.get("WEB_THREADS") or 8)
PROVIDER_TRIES = int(os.environ.get("PROVIDER_TRIES", 5))
# Before the second try; each later one waits twice as long.
PROVIDER_BACKOFF_S = float(os.environ.get("PROVIDER_BACKOFF_S", 1))

# ML backends: what they are told to be our address, seconds for their answers, tasks a request.
PUBLIC_URL = os.environ.get("PUBLIC_URL", "http://localhost:8000").rstrip("/")
ML_TIMEOUT_HEALTH = float(os.environ.get("ML_TIMEOUT_HEALTH", 5))
ML_TIMEOUT_SETUP = float(os.environ.get("ML_TIMEOUT_SETUP", 30))
# For the state of all backends that a page or a list shows.
ML_TIMEOUT_CHECK = float(os.environ.get("ML_TIMEOUT_CHECK", 2))
ML_BATCH_SIZE = int(os.environ.get("ML_BATCH_SIZE", 20))
ML_TRIES = int(os.environ.get("ML_TRIES", 5))
ML_BACKOFF_S = float(os.environ.get("ML_BACKOFF_S", 1))
# A job waits so long for a backend that is away, from its last good answer.
ML_OUTAGE_S = float(os.environ.get("ML_OUTAGE_S", 900))
# The Data Manager's action waits so long for its jobs before it answers that they go on.
ML_RETRIEVE_WAIT_S = float(os.environ.get("ML_RETRIEVE_WAIT_S", 10))

# Webhooks: seconds for a whole answer, and between the attempts of a delivery.
WEBHOOK_TIMEOUT_S = float(os.environ.get("WEBHOOK_TIMEOUT", 15))
WEBHOOK_RETRY_DELAYS_S = [
    float(seconds)
    for seconds in words(
        "WEBHOOK_RETRY_DELAYS", default="5,300,1800,7200,18000,36000,50400,72000,86400"
    )
]
# Seconds without a single success until a webhook is switched off.
WEBHOOK_DISABLE_AFTER_S = float(os.environ.get("WEBHOOK_DISABLE_AFTER_S", 432_000))
# Delivered ones are kept so many days.
WEBHOOK_RETENTION_DAYS = float(os.environ.get("WEBHOOK_RETENTION_DAYS", 7))

# The Label Studio release whose answers these are; clients read it from /api/version.
LABEL_STUDIO_VERSION = "1.23.2"

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "desk.apps.DeskAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "csp",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_tasks",
    "django_tasks_db",
    "axes",
    "predictions_api.jobs",
    "predictions_api.outbound.events",
    "accounts",
    "desk",
    "predictions",
    "prompts",
    "evals",
    "backends",
]

MIDDLEWARE = [
    "predictions_api.memory.Turns",
    "predictions_api.operations.observability.RequestMiddleware",
    "predictions_api.http.errors.BodyLimitMiddleware",
    "predictions_api.http.paths.LeadingSlashMiddleware",
    "predictions_api.http.keyed.KeyedRequests",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "desk.middleware.DeskCompression",
    "desk.middleware.PagePolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "desk.middleware.DeskMessages",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "desk.error_pages.VerbPage",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "predictions_api.urls"
WSGI_APPLICATION = "predictions_api.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# Both slash forms are routes of their own, so no request is ever redirected.
APPEND_SLASH = False
# The created_ago of the contract is never localised.
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "desk" / "templates", BASE_DIR / "predictions_api" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

CONTENT_SECURITY_POLICY = {"DIRECTIVES": POLICY}

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "predictions_api" / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "desk.packaged.PackagedFinder",
]
# Where `collectstatic` puts files, compressed and named by content. Unset (a checkout, a test),
# they come straight from the packages.
STATIC_ROOT = os.environ.get("STATIC_ROOT")
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
# Files that a worker writes and web processes read, on whatever host: a folder, or s3://.
FILES_STORAGE = os.environ.get("FILES_STORAGE", "")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "desk.packaged.HashedFiles"
        if STATIC_ROOT is not None
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
    "exports": storage(FILES_STORAGE, "exports", data_dir=DATA_DIR),
}
# In a folder each host keeps its own, which are bounded.
if FILES_STORAGE.startswith("s3://"):
    STORAGES["thumbnails"] = storage(FILES_STORAGE, "thumbnails", data_dir=DATA_DIR)

# As in Label Studio any origin may call, unless a list is given; keys authorise, not cookies.
CORS_ALLOWED_ORIGINS = words("CORS_ALLOWED_ORIGINS", default="")
CORS_ALLOW_ALL_ORIGINS = not CORS_ALLOWED_ORIGINS
CORS_URLS_REGEX = r"^/(?!admin).*$"
CORS_EXPOSE_HEADERS = ["Link", "X-Total-Count", "X-Request-Id"]

TRUST_PROXY_HEADERS = flag("TRUST_PROXY_HEADERS", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUST_PROXY_HEADERS else None
# Where a login ends that names no page, or one of another host.
LOGIN_REDIRECT_URL = "/admin/"
SESSION_ENGINE = "accounts.sessions"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "accounts.sessions.DeskBackend"]

# Failed logins until an account is locked for an address, and until the address is locked.
LOGIN_TRIES = AXES_FAILURE_LIMIT = int(os.environ.get("LOGIN_TRIES", 5))
LOGIN_TRIES_PER_ADDRESS = int(os.environ.get("LOGIN_TRIES_PER_ADDRESS", 50))
# Unknown keys until an address is told to wait.
KEY_TRIES_PER_ADDRESS = int(os.environ.get("KEY_TRIES_PER_ADDRESS", 100))
AXES_COOLOFF_TIME = timedelta(minutes=int(os.environ.get("LOGIN_LOCK_MINUTES", 15)))
AXES_HANDLER = "accounts.logins.Attempts"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "predictions_api.operations.addresses.counted_as"
AXES_USERNAME_CALLABLE = "accounts.logins.account_of"
AXES_USERNAME_FORM_FIELD = "username"
AXES_LOCKOUT_CALLABLE = "desk.error_pages.locked_out"
AXES_RESET_ON_SUCCESS = True
# Who goes on trying does not make the wait longer.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = flag("SECURE_COOKIES", default=False)
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
# Of the fields of a form; its files, and JSON, have MAX_BODY_BYTES.
DATA_UPLOAD_MAX_MEMORY_SIZE = min(MAX_BODY_BYTES, 32 * 1024 * 1024)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.KeyAuthentication",
        "accounts.authentication.WorkspaceSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.MembershipAllows"],
    "DEFAULT_RENDERER_CLASSES": ["predictions_api.http.rendering.OrjsonRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "predictions_api.http.rendering.Negotiation",
    "DEFAULT_PARSER_CLASSES": [
        "predictions_api.http.parsing.StrictJSONParser",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_SCHEMA_CLASS": "predictions_api.http.openapi.Operation",
    "EXCEPTION_HANDLER": "predictions_api.http.errors.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Predictions API",
    "DESCRIPTION": "Prediction store and model-evaluation server.",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    # No badge from the validator of another host.
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    # Several rooms have a status; the generator would number them.
    "ENUM_NAME_OVERRIDES": {
        "ModelRunStatusEnum": "prompts.models.ModelRun.Status",
        "DeliveryStatusEnum": "backends.models.Delivery.Status",
        "EndedDeliveryEnum": ["Failed", "Delivered"],
        "StorageStatusEnum": "predictions.models.Storage.Status",
    },
    "SCHEMA_PATH_PREFIX": r"/api/",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "predictions_api.http.openapi.finish",
    ],
    "TAGS": [
        {"name": "Predictions", "description": "What models predicted for tasks."},
        {"name": "Tasks", "description": "Things to label."},
        {"name": "Annotations", "description": "What people drew or chose for a task."},
        {
            "name": "Projects",
            "description": "Tasks that share a labelling config, and imports.",
        },
        {"name": "Prompts", "description": "Prompts for language models, and their versions."},
        {"name": "Runs", "description": "Executions of a prompt version on tasks of a project."},
        {
            "name": "Providers",
            "description": "Connections to model providers: their keys, prices and budgets.",
        },
        {
            "name": "Evaluations",
            "description": "How good a model version's predictions are. Errors are"
            ' `{"error", "message"}` here.',
        },
        {"name": "Views", "description": "Filters and orders of a project's tasks, kept by title."},
        {
            "name": "ML backends",
            "description": "Model servers that are asked for predictions, and the jobs that ask.",
        },
        {
            "name": "Webhooks",
            "description": "Addresses that are told what happens, and how each delivery fared.",
        },
        {
            "name": "Import storages",
            "description": "Folders and buckets whose files become tasks.",
        },
        {
            "name": "Export storages",
            "description": "Folders and buckets that annotations are written to.",
        },
        {"name": "Identity", "description": "The caller and their API keys."},
        {"name": "Service", "description": "The service's version."},
    ],
}

# A job whose worker was killed is taken over when its lease runs out.
EVALUATION_LEASE_S = int(os.environ.get("EVALUATION_LEASE_S", 60))
# Images counted at a time: what a killed worker loses, and what memory grows with.
EVALUATION_CHUNK = int(os.environ.get("EVALUATION_CHUNK", 500))
# Worker processes that may count one evaluation; 0 for all that come.
EVALUATION_EXECUTORS = int(os.environ.get("EVALUATION_EXECUTORS", 0))
# Who computes average precision: hotcoco, or pycocotools, which gives the same numbers slower.
EVALUATION_ENGINE = os.environ.get("EVALUATION_ENGINE", "hotcoco")

# `db` keeps the queue in Postgres; `rq` keeps it in the Redis of REDIS_URL.
TASKS_BACKEND = os.environ.get("TASKS_BACKEND", "db")
REDIS_URL = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
QUEUES = {
    "db": "django_tasks_db.DatabaseBackend",
    "rq": "django_tasks_rq.RQBackend",
}
if TASKS_BACKEND not in QUEUES:
    raise ImproperlyConfigured(f"TASKS_BACKEND is one of {', '.join(QUEUES)}.")
# One of jobs that compute, one of jobs that wait for others: a worker has a process for each.
TASKS: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": QUEUES[TASKS_BACKEND], "QUEUES": ["default", "calls"]}
}
if TASKS_BACKEND == "rq":
    INSTALLED_APPS += ["django_rq", "django_tasks_rq"]
    # It stores nothing in the database: its one model has no table. Without its migrations a
    # service may change queues on the database it has.
    MIGRATION_MODULES = {"django_rq": None}
    # Runs take as long as they take.
    RQ_QUEUES = {
        name: {"URL": REDIS_URL, "DEFAULT_TIMEOUT": -1} for name in TASKS["default"]["QUEUES"]
    }

LOGGING = logging_config(LOG_LEVEL)
