"""What the gate reads of the server: evaluations, their scores, and how two of them differ."""

import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

POLL_S = 1.0
SCORES = {"precision": "precision", "recall": "recall", "f1": "F1"}
#: What two evaluations must have in common to be compared.
COMMON = (
    "project",
    "taskType",
    "control",
    "groundTruth",
    "matching",
    "iouThreshold",
    "iouInclusive",
    "tolerance",
    "normalization",
    "keypointSigmas",
    "labelMap",
    "query",
    "askedClasses",
)
#: Keys of a header's `snapshot` that tell which ground truth it was made with.
TRUTHS = ("newestGroundTruthAt", "groundTruths", "groundTruthDigest")

Report = dict[str, Any]
#: Objects and recall, 0 to 1, by class.
Recalls = dict[str, tuple[int, float]]


class Refused(Exception):
    """The server refused a request; the message is its own."""

    def __init__(self, message: str, status: int = 0) -> None:
        self.status = status
        super().__init__(message)


class Server:
    """The evaluation routes of one workspace."""

    def __init__(self, address: str, key: str) -> None:
        self.address, self.key = address.rstrip("/"), key
        # A proxy of the build's environment must not stand in between.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self.workspace = self.send("POST", "/")["workspace"]

    def send(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """The answer's document. Refused for every other than 2xx."""
        url = f"{self.address}{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, content, headers, method=method)
        try:
            with self.opener.open(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Refused(error.read().decode(errors="replace"), error.code) from error

    def evals(self, method: str, path: str = "", body: Any = None, **query: str) -> Any:
        """The answer of an evaluation route of the workspace."""
        return self.send(method, f"/{self.workspace}/model-evals{path}", body, **query)


def evaluate(server: Server, asked: Report, *, within_s: float) -> Report:
    """The header of a new, finished evaluation. Refused with the reason it failed for."""
    made = server.evals("POST", body=asked)
    deadline = time.monotonic() + within_s
    while made["status"] == "running":
        if time.monotonic() > deadline:
            raise Refused(f"{made['evalId']} is not done after {within_s:.0f} s.")
        time.sleep(POLL_S)
        made = server.evals("GET", f"/{made['evalId']}")
    if made["status"] == "failed":
        raise Refused(made["failureReason"])
    return dict(made)


def baseline_of(server: Server, new: Report, named: str | None) -> Report | None:
    """What the new one is compared with: the evaluation or the newest of the version of that name,
    else the accepted one of its kind and control; None where nothing is accepted. Refused where
    that cannot be compared, and where nothing has the name.
    """
    if named is None:
        header = _accepted(server, new)
    else:
        header = _evaluation(server, named) or _newest(server, new, named)
    if header is not None:
        _check(header, [name for name in COMMON if not _agree(header, new, name)])
    return header


def difference(server: Server, old: Report, new: Report, *, split: str, confidence: int) -> Report:
    """What changed between the two, image by image. Refused where the label config was edited in
    between so that the same results mean something else, or where ids went to other images.
    """
    asked = {"split": split, "confidence": str(confidence), "limit": "1"}
    found = dict(server.evals("GET", f"/{old['evalId']}/diff/{new['evalId']}", **asked))
    if old["source"] == "computed":
        differing = {"labelConfig", "imageIds"}.intersection(found["differingTerms"])
        _check(old, sorted(differing))
    return found


def has_other_ground_truth(old: Report, new: Report) -> bool:
    """Whether ground truth was added, changed, removed or moved between the two; an imported file
    does not say.
    """
    then, now = old.get("snapshot", {}), new["snapshot"]
    return any(then[name] != now.get(name) for name in TRUTHS if name in then)


def quality(server: Server, header: Report, split: str) -> Report:
    """The score of a split, named: mAP at an IoU of 0.50, or what the kind is known by. Refused
    where the split has none.
    """
    metrics = server.evals("GET", f"/{header['evalId']}/map-results")["splits"].get(split) or {}
    # The F1 beside `metrics` is that of one confidence.
    beside = {**metrics, "mAP": metrics.get("map50"), "f1": None}
    scores = beside | (metrics.get("metrics") or {})
    primary = header["summary"].get("primary") or {"name": "mAP"}
    is_map = primary["name"].startswith("mAP")
    names = ("mAP", "mIoU", "accuracy") if is_map else (primary["name"],)
    name = next((name for name in names if scores.get(name) is not None), None)
    if name is None:
        reason = f"has no {names[0]} on the {split} split: empty, or too old."
        raise Refused(f"{header['evalId']} {reason}")
    is_high = is_map or primary["higherIsBetter"]
    found = {"name": name, "value": float(scores[name]), "higherIsBetter": is_high}
    if "missing" in scores:
        # An error is of the answered tasks alone, and says nothing of the others.
        n_tasks = scores["pairs"] + scores["missing"]
        found["answered"] = f"{scores['pairs']} of {n_tasks} tasks"
    return found


def recalls(server: Server, header: Report, split: str, confidence: int) -> Recalls:
    """Objects and recall by class; classes without objects are absent."""
    path = f"/{header['evalId']}/confusion-matrix"
    matrix = server.evals("GET", path, split=split, confidence=str(confidence))["matrix"]
    rows = zip(header["classes"], matrix, strict=False)
    return {name: (sum(row), row[at] / sum(row)) for at, (name, row) in enumerate(rows) if sum(row)}


def _accepted(server: Server, new: Report) -> Report | None:
    """The accepted evaluation of the project, of the kind and control of the new one."""
    asked = {"project": new["project"], "accepted": "true"}
    return next(_listed(server, new, asked, ("taskType", "control")), None)


def _newest(server: Server, new: Report, version: str) -> Report:
    """The newest of a version that can be compared with the new one."""
    mine = {"project": new["project"]}
    # A list ends after 200: that of the project may be too short, and that of the version is of
    # all projects.
    for asked in (mine, {"version": version}):
        for header in _listed(server, new, asked, COMMON, version):
            return header
    raise Refused(f"There is no finished evaluation {version}, or of a version of that name.")


def _listed(
    server: Server,
    new: Report,
    asked: dict[str, str],
    agreeing: tuple[str, ...],
    version: str | None = None,
) -> Iterator[Report]:
    """Headers of finished evaluations of the new one's project, the newest first, but for itself:
    those that say the same of the keys in `agreeing`.
    """
    listed = server.evals("GET", **asked, status="done", limit="200")["evals"]
    for one in listed:
        is_meant = one["project"] == new["project"] and version in (None, one["versionId"])
        if is_meant and one["evalId"] != new["evalId"]:
            header = dict(server.evals("GET", f"/{one['evalId']}"))
            if all(_agree(header, new, name) for name in agreeing):
                yield header


def _evaluation(server: Server, eval_id: str) -> Report | None:
    """The header of a finished evaluation; None where there is none of that id."""
    if not re.fullmatch("[A-Za-z0-9]{20}", eval_id):
        return None
    try:
        header = dict(server.evals("GET", f"/{eval_id}"))
    except Refused as error:
        if error.status != 404:
            raise
        return None
    if header["status"] != "done":
        raise Refused(f"The baseline {eval_id} is {header['status']}.")
    return header


def _agree(one: Report, other: Report, name: str) -> bool:
    """Whether both say the same; an imported file says of these only its task type."""
    is_imported = "imported" in (one["source"], other["source"])
    return (is_imported and name != "taskType") or one.get(name) == other.get(name)


def _check(header: Report, differing: list[str]) -> None:
    if differing:
        reason = f"cannot be compared: it has another {', '.join(differing)}."
        raise Refused(f"{header['evalId']} {reason}")
