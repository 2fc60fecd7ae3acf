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
        from evals.desk.hub import images
        from evals.desk.hub import part as evaluated
        from evals.jobs import tasks
        from evals.models import ModelEval
        from predictions.db.counting import held
        from predictions.desk import verdicts
        from predictions.desk.hub import parts
        from predictions.imports.datasets import evaluation
        from predictions_api.jobs import states, sweeps

        sweeps.register(tasks.requeue_stalled)
        states.register("evaluation", ModelEval)
        dashboard.register(card.evaluations, place=2)
        parts.register(evaluated.part, place=2)
        held.register(images.held_of)
        search.register(finding.evaluations, place=4)
        verdicts.register(review_verdicts.verdicts_of)
        evaluation.register(loading.start)
