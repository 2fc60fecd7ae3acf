# One image for web, worker and commands. Nothing in it is secret and nothing in it is written.
FROM python:3.11-slim-bookworm AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
RUN python -m venv /opt/venv && python -m pip install uv==0.13.8
COPY requirements.lock .
RUN uv pip install --no-cache --python /opt/venv/bin/python --require-hashes -r requirements.lock
# Packages of extras (docs/operating/install.md#extras), separated by spaces; none unless asked for.
ARG EXTRAS=""
RUN test -z "$EXTRAS" || uv pip install --no-cache --python /opt/venv/bin/python $EXTRAS

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin app
COPY --from=packages /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
COPY manage.py gunicorn.conf.py CHANGELOG.md ./
# What /docs/ shows.
COPY docs docs
COPY examples examples
COPY predictions_api predictions_api
COPY accounts accounts
COPY desk desk
COPY predictions predictions
COPY evals evals
COPY prompts prompts
COPY backends backends
# The directory decides that names carry a hash of their content. Files that containers share lie in
# a volume at /files, which takes its owner over. The key of this one command
# signs nothing and stays in no layer.
RUN mkdir staticfiles \
    && install --directory --owner=app /files \
    && SECRET_KEY=unused DATABASE_URL=postgres://unused/unused \
    python manage.py collectstatic --no-input
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# It asks as localhost, which ALLOWED_HOSTS must name.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=5 \
    CMD ["python", "-m", "predictions_api.operations.probe"]
CMD ["gunicorn"]
