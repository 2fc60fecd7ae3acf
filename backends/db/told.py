"""What of the backends' jobs is told to those who listen, in the transaction of the change."""

from collections.abc import Sequence

from backends.db.outcomes import LockedJob


def tell_stored(job: LockedJob, prediction_ids: Sequence[int]) -> None:
    """These predictions are new."""


def tell_ended(job_id: int) -> None:
    """The job has ended."""
