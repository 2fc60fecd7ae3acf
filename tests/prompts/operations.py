"""A request for each documented operation of the prompt rooms: operation, path, body."""

from typing import Any

VERSION = {"title": "v2", "prompt": "Mood of {{text}}?", "provider_model_id": "m"}
ANSWER = {"task_id": "{task}", "output": {"sentiment": "pos"}}
FAILURE = {"task_id": "{task}", "error_type": "Timeout", "message": "60 s"}
REFINE = {
    "project_id": "{project}",
    "teacher_model_name": "teacher",
    "teacher_model_provider_connection_id": "{connection}",
}
P = "/api/prompts/{prompt}"
V = P + "/versions/{version}"
R = V + "/inference-runs"

REQUESTS: list[tuple[str, str, Any]] = [
    ("list_prompts", "/api/prompts/", None),
    ("create_prompt", "/api/prompts/", {"title": "Moods", "associated_projects": ["{project}"]}),
    ("get_prompt", P + "/", None),
    ("update_prompt", P + "/", {"description": "Of reviews"}),
    ("delete_prompt", P + "/", None),
    ("duplicate_prompt", P + "/duplicate", None),
    ("list_compatible_projects", "/api/prompts/compatible-projects", None),
    ("get_default_version_name", P + "/get-default-version-name", None),
    ("list_prompt_versions", P + "/versions", None),
    ("create_prompt_version", P + "/versions", VERSION),
    ("get_prompt_version", V, None),
    ("update_prompt_version", V, {"title": "v3"}),
    ("delete_prompt_version", V, None),
    ("estimate_cost", V + "/cost-estimate?project_id={project}&project_subset=All", None),
    ("count_predictions", V + "/prediction-count?project={project}", None),
    ("preview_prompt", V + "/prompt-preview?task={task}", None),
    ("try_task", V + "/try-task", {"task": "{task}"}),
    ("list_few_shot_examples", V + "/few-shot-examples?project={project}", None),
    ("reorder_few_shot_examples", V + "/few-shot-examples/reorder", {"task_ids": None}),
    ("refine_prompt", V + "/refine?async=true", REFINE),
    ("get_refined_prompt", V + "/refine?refinement_job_id={refinement}", None),
    ("list_runs", R, None),
    ("create_run", R, {"project": "{project}", "project_subset": "All"}),
    ("get_run", R + "/{run}", None),
    ("cancel_run", R + "/{run}/cancel", None),
    (
        "store_batch_predictions",
        "/api/model-run/batch-predictions?num_predictions=1",
        {"modelrun_id": "{outside_run}", "results": [ANSWER], "job_id": "j"},
    ),
    (
        "store_batch_failures",
        "/api/model-run/batch-failed-predictions?num_failed_predictions=1",
        {"modelrun_id": "{outside_run}", "failed_predictions": [FAILURE], "job_id": "j"},
    ),
    ("list_failed_predictions", "/api/predictions/failed?project={project}", None),
    ("list_indicators", "/api/inference-runs/{run}/indicators/", None),
    ("get_indicator", "/api/inference-runs/{run}/indicators/latency", None),
    ("get_bulk_indicators", "/api/inference-runs/bulk-indicators/?ids={run},{outside_run}", None),
    (
        "list_regressions",
        "/api/inference-runs/{outside_run}/regressions/?baseline={run}",
        None,
    ),
    (
        "re_evaluate_run",
        "/api/inference-runs/{outside_run}/re-evaluate/",
        {"mode": "custom", "task_ids": ["{task}"]},
    ),
    ("list_subsets", "/api/projects/{project}/subsets", None),
    ("list_subset_tasks", "/api/projects/{project}/subset-tasks?parent_model={prompt}", None),
    ("list_provider_connections", "/api/model-provider-connections/", None),
    (
        "create_provider_connection",
        "/api/model-provider-connections/",
        {"provider": "OpenAI", "api_key": "sk-1"},
    ),
    ("get_provider_connection", "/api/model-provider-connections/{connection}/", None),
    (
        "update_provider_connection",
        "/api/model-provider-connections/{connection}/",
        {"budget_limit": 10, "auth_token": None},
    ),
    ("delete_provider_connection", "/api/model-provider-connections/{connection}/", None),
    ("list_provider_choices", "/api/model-provider-connections/provider-choices", None),
]
