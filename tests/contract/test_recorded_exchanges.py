"""The 275 exchanges recorded from Label Studio, sent again in order over a real connection.

Compared: status, content type, the error envelope with `detail` and `validation_errors`, and the
keys and types of every body, recursively. Where this service differs on purpose, INTENDED says
so, and what it answers instead is compared with that.
"""

import json
from pathlib import Path

EXCHANGES = [
    json.loads(line)
    for line in Path(__file__).with_name("label_studio_exchanges.jsonl").read_text().splitlines()
]
NAMES = [exchange["name"] for exchange in EXCHANGES]
UNKNOWN = object()
NO_FIT = "A result must be a list of regions; this value fits no control of the labelling config."


def refused(**errors: list[str]) -> tuple[int, dict[str, list[str]]]:
    return 400, errors
