"""Writes gunicorn's own messages in our format. gunicorn loads it before Django is set up."""

from logging.config import dictConfig
from typing import Any

from gunicorn.glogging import Logger

from predictions_api.operations.logs import logging_config


class ServerLog(Logger):  # type: ignore[misc]  # gunicorn has no types
    """`logger_class` of gunicorn. Requests are not its business: our middleware logs them."""

    def setup(self, cfg: Any) -> None:
        """As configured, then with our handlers in place of its own."""
        super().setup(cfg)
        dictConfig(logging_config(cfg.loglevel.upper()))
