"""An ML backend of few lines, on the `label-studio-ml` package: the service calls it.

    python3 -m venv venv && venv/bin/pip install label-studio-ml==1.0.9 redis rq
    venv/bin/python examples/ml_backend/keywords.py 9090

It says of a text whether it has a cheerful word in it. The label config names its control.
"""

import sys
from typing import Any

from label_studio_ml.api import init_app
from label_studio_ml.model import LabelStudioMLBase

CHEERFUL = {"good", "great", "love", "nice"}


class Keywords(LabelStudioMLBase):  # type: ignore[misc]  # the package has no types
    """Your model goes here: something that turns tasks into predictions."""

    def predict(self, tasks: list[dict[str, Any]], **kwargs: Any) -> list[dict[str, Any]]:
        """One prediction a task, in their order."""
        [(control, tag)] = self.parsed_label_config.items()
        key = tag["inputs"][0]["value"]
        return [self.prediction(control, tag, task["data"][key]) for task in tasks]

    def prediction(self, control: str, tag: dict[str, Any], text: str) -> dict[str, Any]:
        """The first label for a cheerful text, else the second."""
        found = CHEERFUL & set(text.lower().split())
        choices = [tag["labels"][0 if found else 1]]
        region = {
            "from_name": control,
            "to_name": tag["to_name"][0],
            "type": "choices",
            "value": {"choices": choices},
        }
        return {"result": [region], "score": 0.9, "model_version": "keywords-1"}


if __name__ == "__main__":
    init_app(model_class=Keywords).run(port=int(sys.argv[1]) if sys.argv[1:] else 9090)
