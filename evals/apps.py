from django.apps import AppConfig


class EvalsConfig(AppConfig):
    name = "evals"

    def ready(self) -> None:
        """Registers what the worker does for this room, its card, and its verdicts for the store's
        pages.
        """
        from desk import dashboard
        from evals.desk import card, review_verdicts
        from evals.jobs import tasks
        from evals.models import ModelEval
        from predictions.desk import verdicts
        from predictions_api.jobs import states, sweeps

        sweeps.register(tasks.requeue_stalled)
        states.register("evaluation", ModelEval)
        dashboard.register(card.evaluations, place=2)
        verdicts.register(review_verdicts.verdicts_of)
