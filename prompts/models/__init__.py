"""Prompts, their versions, the runs that predict with them, and the providers that answer.

Columns, constraints and indexes only; deletes cascade in the database itself (second migration).
Names are the wire's where Label Studio's client fixes them: `parent_model` is a version's prompt,
`model_version` a run's version. `project_id` stands on every table that grows with tasks.
"""

from prompts.models.connections import Provider, ProviderConnection, Trial
from prompts.models.outcomes import MAX_SECONDS, MAX_USD, FailedPrediction, PredictionMeta
from prompts.models.prompts import MAX_INT32, Prompt, PromptVersion, Refinement
from prompts.models.runs import ConnectionShare, ModelRun, RunItem

__all__ = [
    "MAX_INT32",
    "MAX_SECONDS",
    "MAX_USD",
    "ConnectionShare",
    "FailedPrediction",
    "ModelRun",
    "PredictionMeta",
    "Prompt",
    "PromptVersion",
    "Provider",
    "ProviderConnection",
    "Refinement",
    "RunItem",
    "Trial",
]
