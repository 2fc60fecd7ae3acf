from django.apps import AppConfig
from django.conf import settings

from predictions_api.cluster import tables

#: How the room's tables lie on a cluster.
TABLES = {
    "evals_modeleval": tables.EVERYWHERE,
    "evals_evalimage": tables.EVALUATION,
    "evals_evalpanel": tables.EVALUATION,
    "evals_evalanswer": tables.EVALUATION,
    "evals_evalsource": tables.EVALUATION,
    "evals_evalchunk": tables.EVALUATION,
    "evals_evalpart": tables.EVALUATION,
}


class EvalsConfig(AppConfig):
    name = "evals"

    def ready(self) -> None:
        """Registers what the worker does for this room, its card, its verdicts for the store's
        pages, its columns of tasks, what they add to the grid, and evaluations of what is loaded.
        """
        from desk import dashboard, search
        from evals.api import loading
        from evals.db import columns
        from evals.desk import card, finding, review_verdicts, task_grid
        from evals.desk.hub import images
        from evals.desk.hub import part as evaluated
        from evals.jobs import state, tasks
        from evals.models import ModelEval
        from evals.reports import told
        from predictions.db import projects
        from predictions.db.counting import held
        from predictions.desk import verdicts
        from predictions.desk.grid import offers
        from predictions.desk.hub import parts
        from predictions.filters import registered
        from predictions.imports.datasets import evaluation
        from predictions_api.jobs import kinds, sweeps
        from predictions_api.outbound.events import payloads

        tables.register(TABLES)
        payloads.register("EVALUATION_COMPLETED", told.evaluation_completed)
        sweeps.register(tasks.requeue_stalled)
        sweeps.register(tasks.call_idle)
        projects.register_parting(state.end_of_project)
        kinds.register("evaluation", ModelEval)
        kinds.preload("evals.jobs.run", settings.EVALUATION_ENGINE)
        dashboard.register(card.evaluations, place=2)
        parts.register(evaluated.part, place=2)
        held.register(images.held_of)
        search.register(finding.evaluations, place=4)
        offers.register_columns(task_grid.columns)
        offers.register_act(task_grid.EVALUATE)
        registered.register(columns.task_column)
        registered.register_rows(columns.task_rows)
        verdicts.register(review_verdicts.verdicts_of)
        verdicts.register_finder(review_verdicts.newest_evaluations)
        evaluation.register(loading.start)
