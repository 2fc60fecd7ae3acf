"""A small, real ML backend: finds handwritten digits in images with the demo's detector.

`serve` speaks Label Studio's ML backend protocol; `push` stores predictions for a project.
"""

import argparse
import base64
import io
import json
import os
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import numpy as np
from label_studio_sdk.client import LabelStudio
from label_studio_sdk.label_interface import LabelInterface
from PIL import Image

from predictions.demo.detector import Detector, Training
from predictions.demo.scenes import Box

MODEL_VERSION = "digits-backend"
# The score of a region without one.
UNSURE = 0.5


class Model:
    """Your model goes here: something that turns tasks into predictions."""

    def __init__(self) -> None:
        self.detector = Detector(Training(500))

    def predict(self, tasks: Sequence[dict[str, Any]], label_config: str) -> list[dict[str, Any]]:
        """One prediction a task, in their order; the config has the names of its controls."""
        interface = LabelInterface(label_config)
        from_name, to_name, key = interface.get_first_tag_occurence("RectangleLabels", "Image")
        predictions = []
        for task in tasks:
            image = read_image(task["data"][key])
            found = self.detector.detect(image)
            regions = [region(box, image.shape, from_name, to_name) for box in found]
            predictions.append(
                {
                    "result": regions,
                    "score": fmean(box.score or UNSURE for box in found) if found else 0.0,
                    "model_version": MODEL_VERSION,
                }
            )
        return predictions


def read_image(uri: str) -> "np.ndarray[Any, np.dtype[np.uint8]]":
    """The grey pixels of a data URI. A real backend would also fetch addresses."""
    kind, _, content = uri.partition(",")
    if not kind.endswith(";base64"):
        raise ValueError(f"only base64 data URIs are read, not {kind[:40]!r}")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("L"))


def region(box: Box, shape: tuple[int, ...], from_name: str, to_name: str) -> dict[str, Any]:
    """A rectangle in per cent of an image of `shape` (height, width)."""
    height, width = shape
    return {
        "from_name": from_name,
        "to_name": to_name,
        "type": "rectanglelabels",
        "original_width": width,
        "original_height": height,
        "value": {
            "x": 100 * box.x_px / width,
            "y": 100 * box.y_px / height,
            "width": 100 * box.width_px / width,
            "height": 100 * box.height_px / height,
            "rectanglelabels": [box.label],
        },
        "score": box.score,
    }


def application(model: Model) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
    """The WSGI application of the protocol."""

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = json.loads(environ["wsgi.input"].read(length) or b"{}")
        document: dict[str, Any]
        match environ["REQUEST_METHOD"], environ["PATH_INFO"].rstrip("/"):
            case "GET", "" | "/health":
                status, document = "200 OK", {"status": "UP", "model_class": "Digits"}
            case "POST", "/setup":
                status, document = "200 OK", {"model_version": MODEL_VERSION}
            case "GET", "/versions":
                status, document = "200 OK", {"versions": [MODEL_VERSION]}
            case "POST", "/predict":
                results = model.predict(body["tasks"], body["label_config"])
                status, document = "200 OK", {"results": results}
            case _:
                status, document = "404 Not Found", {"detail": "Not found."}
        start_response(status, [("Content-Type", "application/json")])
        return [json.dumps(document).encode()]

    return answer


def serve(port: int) -> None:
    """Answer on the loopback address until Ctrl-C."""
    with make_server(
        "127.0.0.1", port, application(Model()), handler_class=WSGIRequestHandler
    ) as server:
        print(f"{MODEL_VERSION} answers at http://127.0.0.1:{server.server_port}", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("stopped")


def push(client: LabelStudio, project_id: int) -> int:
    """Store a prediction for every task that has none of ours; returns how many."""
    label_config = client.projects.get(project_id).label_config
    done = {
        prediction.task
        for prediction in client.predictions.list(project=project_id)
        if prediction.model_version == MODEL_VERSION
    }
    model, stored = Model(), 0
    for task in client.tasks.list(project=project_id):
        if task.id in done:
            continue
        [prediction] = model.predict([{"data": task.data}], label_config)
        client.predictions.create(task=task.id, **prediction)
        stored += 1
    return stored


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve").add_argument("--port", type=int, default=9090)
    commands.add_parser("push").add_argument("--project", type=int, required=True)
    arguments = parser.parse_args()
    if arguments.command == "serve":
        serve(arguments.port)
        return
    url = os.environ.get("LABEL_STUDIO_URL", "http://127.0.0.1:8000")
    client = LabelStudio(base_url=url, api_key=os.environ["LABEL_STUDIO_API_KEY"])
    print(f"{push(client, arguments.project)} predictions stored as {MODEL_VERSION}")


if __name__ == "__main__":
    main()
