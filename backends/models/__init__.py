"""The tables of ML backends, of prediction jobs, and of webhooks and what is sent to them.

Columns, constraints and indexes only; deletes cascade in the database itself (second migration).
"""

from backends.models.jobs import AnsweredTasks, JobItem, JobShare, PredictionJob
from backends.models.ml_backends import Endpoint, Training
from backends.models.webhooks import Delivery, Payload, Webhook

__all__ = [
    "AnsweredTasks",
    "Delivery",
    "Endpoint",
    "JobItem",
    "JobShare",
    "Payload",
    "PredictionJob",
    "Training",
    "Webhook",
]
