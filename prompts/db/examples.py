"""Few-shot examples of a prompt version."""

from predictions.models import Project
from prompts.asking.examples import example_of
from prompts.asking.messages import Example
from prompts.db import queries
from prompts.models import PromptVersion


def examples_of(version: PromptVersion, project: Project) -> list[tuple[int, Example]]:
    """(task id, (data, answer)) of the examples that the version shows a model: those of its ground
    truths that an answer can say. One statement.
    """
    shown = queries.examples(
        project.pk, version.max_few_shot_examples, task_ids=version.few_shot_task_ids
    )
    said = [(task, data, example_of(project.label_config, true)) for task, data, true in shown]
    return [(task, (data, answer)) for task, data, answer in said if answer is not None]
