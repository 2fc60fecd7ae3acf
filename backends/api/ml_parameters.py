"""What the operations of backends and jobs read of a query string."""

from backends.models import PredictionJob
from predictions_api.http.parameters import (
    ChoiceParameter,
    FlagParameter,
    IdParameter,
    LimitParameter,
    Parameters,
    TextParameter,
    WholeParameter,
)


class CheckParameters(Parameters):
    """Whether backends are asked how they are."""

    check = FlagParameter(
        lenient=True, default=True, help_text="`false`: as they were found last; nobody is asked."
    )


class ListParameters(CheckParameters):
    """Which backends."""

    project = TextParameter(help_text="The project; without one the answer is 404.")
    is_interactive = TextParameter(help_text="`true` or `false`; anything else filters nothing.")


class TestParameters(Parameters):
    """The task that a backend is tried with."""

    random = FlagParameter(lenient=True, help_text="Any task of the project.")
    task = IdParameter(help_text="This task.")


class PredictParameters(Parameters):
    """How a job over all tasks is made."""

    batch_size = WholeParameter(max_value=1000, help_text="Tasks in one request.")


class JobListParameters(Parameters):
    """Which jobs of a backend."""

    status = ChoiceParameter(PredictionJob.Status.values, help_text="In this status.")
    after = IdParameter(help_text="Made before the job of this id.")
    limit = LimitParameter(max_value=1000, default=100, help_text="At most 1000; 100 by default.")


class FailureListParameters(Parameters):
    """Which failures of a job."""

    after = IdParameter(help_text="Of tasks after the one of this id.")
    limit = LimitParameter(max_value=1000, default=100, help_text="At most 1000; 100 by default.")
