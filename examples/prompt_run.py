"""Runs a prompt over a project with a model of your own, and prints the outcome.

    python examples/prompt_run.py --url http://127.0.0.1:8000 --key KEY --project 1 \\
        --endpoint http://127.0.0.1:11434/v1 --model llama3.2 --prompt 'Mood of {text}?'

The server needs ALLOW_PRIVATE_URLS=true to call a model on its own machine or network.
"""

import argparse
import time

from label_studio_sdk import LabelStudio

ENDED = {"Completed", "Failed", "Canceled"}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--key", required=True)
    parser.add_argument("--project", type=int, required=True)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--prompt", required=True)
    given = parser.parse_args()
    client = LabelStudio(base_url=given.url, api_key=given.key)
    connection = client.model_providers.create(provider="Custom", endpoint=given.endpoint)
    prompt = client.prompts.create(title="Example", associated_projects=[given.project])
    version = client.prompts.versions.create(
        prompt.id or 0,
        title="v1",
        prompt=given.prompt,
        provider="Custom",
        provider_model_id=given.model,
        model_provider_connection=connection.id,
    )
    place = (prompt.id or 0, version.id or 0)
    run = client.prompts.runs.create(*place, project=given.project, project_subset="All")
    while run.status not in ENDED:
        time.sleep(1)
        run = next(found for found in client.prompts.runs.list(*place) if found.id == run.id)
        print(f"{run.status}: {run.total_predictions} of {run.total_tasks}")
    for indicator in client.prompts.indicators.list(run.id or 0):
        print(f"{indicator.title}: {indicator.values}")


if __name__ == "__main__":
    main()
