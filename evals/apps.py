from django.apps import AppConfig


class EvalsConfig(AppConfig):
    name = "evals"

    def ready(self) -> None:
        """Registers what the worker does for this room, its card, its verdicts for the store's
        pages, its columns of tasks, what they add to the grid, and evaluations of what is loaded.
        """
        from desk import dashboard
        from evals.api import loading
        from evals.db import columns
        from evals.desk import card, review_verdicts, task_grid
        from evals.jobs import tasks
        from evals.models import ModelEval
        from predictions.desk import verdicts
        from predictions.desk.grid import offers
        from predictions.filters import registered
        from predictions.imports.datasets import evaluation
        from predictions_api.jobs import states, sweeps

        sweeps.register(tasks.requeue_stalled)
        states.register("evaluation", ModelEval)
        dashboard.register(card.evaluations, place=2)
        offers.register_columns(task_grid.columns)
        offers.register_act(task_grid.EVALUATE)
        registered.register(columns.task_column)
        verdicts.register(review_verdicts.verdicts_of)
        evaluation.register(loading.start)
