"""The column by which a table is spread."""

from functools import cache
from typing import Any

from django.apps import apps
from django.db import models

from predictions_api.postgres.spread import slots


class SlotField(models.SmallIntegerField):  # type: ignore[type-arg]
    """The slot of the row's project. Filled in where the object mapper stores the row."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"editable": False, **options})

    def pre_save(self, model_instance: models.Model, add: bool) -> int:
        """The slot that the row has, else that of the project it names."""
        slot: int | None = getattr(model_instance, self.attname)
        if slot is None:
            slot = slots.of_project(model_instance.project_id)  # type: ignore[attr-defined]
            setattr(model_instance, self.attname, slot)
        return slot


@cache
def spread_tables() -> frozenset[str]:
    """Names of the tables that are spread by their slot. Once the models are loaded."""
    return frozenset(
        model._meta.db_table
        for model in apps.get_models()
        if any(isinstance(field, SlotField) for field in model._meta.concrete_fields)
    )
