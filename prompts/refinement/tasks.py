"""Refinement in the queue."""

from django_tasks import task


@task()
def refine(refinement_id: str) -> None:
    """Asks the teacher model for a better wording."""
    from prompts.refinement import teacher

    teacher.carry_out(refinement_id)


def enqueue_refinement(refinement_id: str) -> None:
    """Puts the refinement into the queue."""
    refine.enqueue(refinement_id)
