from django.apps import AppConfig


class EvalsConfig(AppConfig):
    name = "evals"

    def ready(self) -> None:
        """Registers what the worker does for this room, its card, its verdicts for the store's
        pages, and evaluations of what is loaded.
        """
        from desk import dashboard, search
        from evals.api import loading
        from evals.desk import card, finding, review_verdicts
        from evals.jobs import tasks
        from evals.models import ModelEval
        from evals.reports import told
        from predictions.desk import verdicts
        from predictions.imports.datasets import evaluation
        from predictions_api.jobs import states, sweeps
        from predictions_api.outbound.events import payloads

        payloads.register("EVALUATION_COMPLETED", told.evaluation_completed)
        sweeps.register(tasks.requeue_stalled)
        states.register("evaluation", ModelEval)
        dashboard.register(card.evaluations, place=2)
        search.register(finding.evaluations, place=4)
        verdicts.register(review_verdicts.verdicts_of)
        evaluation.register(loading.start)
