from django.apps import AppConfig


class PromptsConfig(AppConfig):
    name = "prompts"

    def ready(self) -> None:
        """Registers what the worker does for this room, its card, and what the store asks it."""
        from desk import dashboard
        from predictions.db import model_runs
        from predictions.desk import filters
        from predictions_api.jobs import preloads, sweeps
        from prompts.db import queries
        from prompts.desk import card
        from prompts.refinement import tasks as refinement
        from prompts.runs import tasks as runs

        sweeps.register(runs.requeue_stalled)
        sweeps.register(refinement.requeue_stalled)
        preloads.register("openai", "prompts.runs.executor")
        dashboard.register(card.runs, place=3)
        model_runs.register(queries.known_model_runs)
        filters.register_problem(
            filters.TaskProblem("failed", "a model failed on it", queries.tasks_that_failed)
        )
