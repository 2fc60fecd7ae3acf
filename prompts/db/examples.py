"""Few-shot examples of a prompt version."""

from predictions.models import Project
from prompts.asking import answers
from prompts.asking.messages import Example
from prompts.db import queries
from prompts.models import PromptVersion


def examples_of(version: PromptVersion, project: Project) -> list[tuple[int, Example]]:
    """(task id, (data, answer)) of the examples that the version shows a model. One statement."""
    shown = queries.examples(
        project.pk, version.max_few_shot_examples, task_ids=version.few_shot_task_ids
    )
    return [
        (task, (data, answers.answer_of(project.label_config, result)))
        for task, data, result in shown
    ]
