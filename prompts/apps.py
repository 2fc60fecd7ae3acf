from django.apps import AppConfig

from predictions_api.cluster import tables

#: How the room's tables lie on a cluster.
TABLES = {
    "prompts_providerconnection": tables.EVERYWHERE,
    "prompts_prompt": tables.EVERYWHERE,
    "prompts_promptversion": tables.EVERYWHERE,
    "prompts_modelrun": tables.EVERYWHERE,
    "prompts_connectionshare": tables.EVERYWHERE,
    "prompts_runitem": tables.SLOT,
    "prompts_failedprediction": tables.SLOT,
    "prompts_predictionmeta": tables.SLOT,
    "prompts_prompt_associated_projects": tables.HERE,
    "prompts_trial": tables.HERE,
    "prompts_refinement": tables.HERE,
}
#: What is known of one prediction of a run, and goes with it to another project.
MEASURED = (
    "id, model_run_id, prediction_id, failed_prediction_id, inference_time, prompt_tokens_count,"
    " completion_tokens_count, total_tokens_count, prompt_cost, completion_cost, total_cost, extra"
)


class PromptsConfig(AppConfig):
    name = "prompts"

    def ready(self) -> None:
        """Registers what the worker does for this room, its card, and what the store asks it."""
        from desk import dashboard, search
        from predictions.db import places, projects
        from predictions.db.reviews import moving
        from predictions.desk import filters
        from predictions.desk.hub import parts
        from predictions_api.jobs import kinds, sharing, sweeps
        from predictions_api.outbound.events import payloads
        from prompts.api import told
        from prompts.db import queries
        from prompts.desk import card, finding, project_part
        from prompts.models import ModelRun, Refinement
        from prompts.refinement import tasks as refinement
        from prompts.runs import state
        from prompts.runs import tasks as runs

        tables.register(TABLES)
        payloads.register("RUN_COMPLETED", told.run_completed)
        sharing.register(runs.RUN, sharing.Kind(runs.due, runs.work))
        sharing.register(refinement.REFINEMENT, sharing.Kind(refinement.due, refinement.work))
        sweeps.register(runs.requeue_stalled)
        sweeps.register(state.end_emptied)
        sweeps.register(refinement.requeue_stalled)
        kinds.register("run", ModelRun)
        kinds.register("refinement", Refinement)
        kinds.preload("openai", "prompts.runs.executor")
        dashboard.register(card.runs, place=3)
        parts.register(project_part.part, place=3)
        search.register(finding.prompts, place=5)
        places.register_model_runs(queries.known_model_runs)
        projects.register_parting(queries.part_predictions)
        moving.register(moving.Follower("prompts_predictionmeta", MEASURED, has_task=False))
        filters.register_problem(
            filters.TaskProblem("failed", "a model failed on it", queries.tasks_that_failed)
        )
