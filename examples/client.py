"""From an empty project to two model versions side by side, with Label Studio's own SDK.

Reads LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY. Leaves nothing behind.
"""

import os
from typing import Any

from label_studio_sdk.client import LabelStudio

REVIEWS = {
    "I would buy it again tomorrow.": "positive",
    "It broke on the second day.": "negative",
    "Better than the photograph.": "positive",
    "The manual is for another product.": "negative",
}
LABEL_CONFIG = """<View>
  <Text name="review" value="$review"/>
  <Choices name="mood" toName="review">
    <Choice value="positive"/>
    <Choice value="negative"/>
  </Choices>
</View>"""


def choice(mood: str) -> list[dict[str, Any]]:
    """A result that chooses one mood for the review."""
    value = {"choices": [mood]}
    return [{"from_name": "mood", "to_name": "review", "type": "choices", "value": value}]


def guess_cheerfully(review: str) -> str:
    return "positive"


def guess_by_words(review: str) -> str:
    return "negative" if {"broke", "another"} & set(review.split()) else "positive"


def main() -> None:
    client = LabelStudio(
        base_url=os.environ.get("LABEL_STUDIO_URL", "http://127.0.0.1:8000"),
        api_key=os.environ["LABEL_STUDIO_API_KEY"],
    )
    print("I am", client.users.whoami().email)
    project = client.projects.create(title="Reviews (example)", label_config=LABEL_CONFIG)
    try:
        compare_two_versions(client, project.id)
    finally:
        client.projects.delete(project.id)


def compare_two_versions(client: LabelStudio, project: int) -> None:
    tasks = [client.tasks.create(project=project, data={"review": text}) for text in REVIEWS]

    # One by one, as a model answers ...
    for task in tasks:
        mood = guess_cheerfully(task.data["review"])
        client.predictions.create(
            task=task.id, model_version="cheerful", score=0.5, result=choice(mood)
        )
    # ... or all at once.
    client.projects.import_predictions(
        project,
        request=[
            {
                "task": task.id,
                "model_version": "by-words",
                "score": 0.8,
                "result": choice(guess_by_words(task.data["review"])),
            }
            for task in tasks
        ],
    )

    truth = {task.id: REVIEWS[task.data["review"]] for task in tasks}
    right: dict[str, int] = {}
    for prediction in client.predictions.list(project=project):
        predicted = prediction.result[0]["value"]["choices"][0]
        version = str(prediction.model_version)
        right[version] = right.get(version, 0) + (predicted == truth[prediction.task])
    for version, n_right in right.items():
        print(f"{version}: {n_right} of {len(truth)} right")


if __name__ == "__main__":
    main()
