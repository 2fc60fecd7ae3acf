"""The tables of webhooks, of what is sent to them, and how that went.

Columns, constraints and indexes only; deletes cascade in the database itself (second migration).
"""

from backends.models.webhooks import Delivery, Payload, Webhook

__all__ = ["Delivery", "Payload", "Webhook"]
