"""Fails a CI build if a model version is worse than the one that was accepted.

Evaluates the stored predictions of a version and compares it with a named baseline: the evaluation
that is marked as accepted, or `--baseline`. Never with just the newest one, which may be the failed
build before this. Exit codes: 0 good, 1 worse, 2 cannot tell (see the README). Needs no packages.
"""

import argparse
import json
import os
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

GOOD, WORSE, UNKNOWN = 0, 1, 2
WORDS = {GOOD: "good", WORSE: "worse", UNKNOWN: "unknown"}
POLL_S = 1.0
#: Part of a number that sums of binary fractions are off by: less is no drop.
LEAST_DROP = 1e-9
#: Probability below which a difference is taken for more than chance.
CHANCE = 0.05
SCORES = {"precision": "precision", "recall": "recall", "f1": "F1"}
TRUTHS = ("newestGroundTruthAt", "groundTruths", "groundTruthDigest")  # of a header's snapshot
#: What two evaluations must have in common to be compared.
COMMON = (
    "project", "taskType", "control", "groundTruth", "matching", "iouThreshold", "iouInclusive",
    "tolerance", "normalization", "keypointSigmas", "labelMap", "query", "askedClasses",
)  # fmt: skip

Report = dict[str, Any]
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
    else the accepted one of its kind and control. Refused where that cannot be compared.
    """
    if named is not None and (header := _evaluation(server, named)) is not None:
        return _comparable(server, header, new)
    mine, most = {"project": new["project"]}, {"status": "done", "limit": "200"}
    # Lists end after 200, and that of a version is of all projects.
    queries = [mine | {"accepted": "true"}] if named is None else [mine, {"version": named}]
    needed = ("taskType", "control") if named is None else COMMON
    for one in (one for asked in queries for one in server.evals("GET", **asked | most)["evals"]):
        is_meant = one["project"] == new["project"] and named in (None, one["versionId"])
        if is_meant and one["evalId"] != new["evalId"]:
            header = server.evals("GET", f"/{one['evalId']}")
            if all(_agree(header, new, name) for name in needed):
                return _comparable(server, header, new)
    if named is not None:
        raise Refused(f"There is no finished evaluation {named}, or of a version of that name.")
    return None


def _comparable(server: Server, header: Report, new: Report) -> Report:
    mine, differing = header["evalId"], [name for name in COMMON if not _agree(header, new, name)]
    if header["source"] == "computed" and not differing:
        found = server.evals("GET", f"/{mine}/diff/{new['evalId']}", limit="1")["differingTerms"]
        differing = [name for name in found if name == "labelConfig"]
    if differing:
        raise Refused(f"{mine} cannot be compared: it has another {', '.join(differing)}.")
    return dict(header)


def _evaluation(server: Server, eval_id: str) -> Report | None:
    """The header of a finished evaluation; None where there is none of that id."""
    header = None
    try:
        if re.fullmatch("[A-Za-z0-9]{20}", eval_id):
            header = dict(server.evals("GET", f"/{eval_id}"))
    except Refused as error:
        if error.status != 404:
            raise
    if header is not None and header["status"] != "done":
        raise Refused(f"The baseline {eval_id} is {header['status']}.")
    return header


def _agree(one: Report, other: Report, name: str) -> bool:
    """Whether both say the same; an imported file says of these only its task type."""
    is_imported = "imported" in (one["source"], other["source"])
    return (is_imported and name != "taskType") or one.get(name) == other.get(name)


def quality(server: Server, header: Report, split: str) -> Report:
    """The score of a split, named: mAP at an IoU of 0.50, or what the kind is known by."""
    metrics = server.evals("GET", f"/{header['evalId']}/map-results")["splits"].get(split) or {}
    primary = header["summary"].get("primary") or {"name": "mAP"}
    # The F1 beside `metrics` is that of one confidence.
    scores = {**metrics, "mAP": metrics.get("map50"), "f1": None, **(metrics.get("metrics") or {})}
    is_map = primary["name"].startswith("mAP")
    is_high = is_map or primary["higherIsBetter"]
    for name in (names := ("mAP", "mIoU", "accuracy") if is_map else (primary["name"],)):
        if scores.get(name) is not None:
            found = {"name": name, "value": float(scores[name]), "higherIsBetter": is_high}
            if "missing" in scores:  # An error of answered tasks alone, not of the others.
                of = scores["pairs"] + scores["missing"]
                found["answered"] = f"{scores['pairs']} of {of} tasks"
            return found
    raise Refused(f"{header['evalId']} has no {names[0]} on the {split} split: empty, or too old.")


def recalls(server: Server, header: Report, split: str, confidence: int) -> Recalls:
    """Objects and recall by class; classes without objects are absent."""
    path = f"/{header['evalId']}/confusion-matrix"
    matrix = server.evals("GET", path, split=split, confidence=str(confidence))["matrix"]
    rows = zip(header["classes"], matrix, strict=False)
    return {name: (sum(row), row[at] / sum(row)) for at, (name, row) in enumerate(rows) if sum(row)}


def changes(server: Server, report: Report, decisive: list[str]) -> list[Report]:
    """What changed of precision, recall and F1 over the images of both; `decisive` ones are worse
    if they fell by more than chance explains.

    Refused where the two have no image in common, or too many to draw from.
    """
    new, old = report["evaluation"], report["baseline"]["evaluation"]
    asked = {"split": report["split"], "confidence": str(report["confidence"]), "limit": "1"}
    found = server.evals("GET", f"/{old}/diff/{new}", **asked)
    if found["significance"] is None:
        raise Refused(f"{new} and {old} have {found['totals']['images']} images in common.")
    return [
        {"score": shown, **(change := found["significance"][name]), "isWorse": name in decisive
         and change["difference"] < -LEAST_DROP and change["pValue"] < CHANCE}
        for name, shown in SCORES.items()
    ]  # fmt: skip


def judge(server: Server, options: argparse.Namespace) -> Report:
    """Evaluates, compares, and says what came of it."""
    asked = {"project": options.project, "modelVersion": options.model_version}
    more = {"control": options.control, "groundTruth": options.ground_truth}
    asked |= {name: value for name, value in more.items() if value is not None}
    new, split = evaluate(server, asked, within_s=options.within), options.split
    if (confidence := options.confidence) is None:
        confidence = round(100 * new["confidenceThreshold"])
    report: Report = {
        "project": new["project"], "modelVersion": new["modelVersion"], "evaluation": new["evalId"],
        "baseline": None, "split": split, "confidence": confidence,
    }  # fmt: skip
    old = baseline_of(server, new, options.baseline)
    score, was = quality(server, new, split), None
    before: Recalls = {}
    if old is not None:
        version = old["modelVersion"] or old["versionId"]
        report["baseline"] = {"evaluation": old["evalId"], "modelVersion": version}
        truth = {name: old["snapshot"][name] for name in TRUTHS if name in old.get("snapshot", {})}
        if any(value != new["snapshot"].get(name) for name, value in truth.items()):
            report["baseline"]["olderGroundTruth"] = True
        was = (standing := quality(server, old, split))["value"]
        report["baseline"] |= {k: v for k, v in standing.items() if k == "answered"}
        before = recalls(server, old, split, confidence)
    found = recalls(server, new, split, confidence)
    limits = {"limit": options.limit, "now": score.pop("value")}
    report["metric"] = _judged({**score, **limits, "baseline": was, "allowedDrop": options.worse})
    report["classes"] = _classes(found, before, options)
    decisive = options.fail_if_significantly_worse
    if old is not None and decisive is not None:
        report["changes"] = changes(server, report, decisive or ["f1"])
    report["reasons"] = list(_reasons(report))
    report["code"] = WORSE if report["reasons"] else GOOD
    if options.accept and report["code"] == GOOD:
        server.evals("PATCH", f"/{new['evalId']}", {"accepted": True})
        report["accepted"] = True
    return report


def _classes(found: Recalls, before: Recalls, options: argparse.Namespace) -> list[Report]:
    classes = []
    for name in dict.fromkeys([*found, *before]):
        n_objects, recall = found.get(name, (0, None))
        n_before, was = before.get(name, (0, None))
        is_few = (n_objects if name in found else n_before) < options.few_objects
        allowed = options.max_drop_recall_few if is_few else options.max_drop_recall
        numbers = {"now": recall, "baseline": was, "allowedDrop": allowed}
        classes.append(_judged({"class": name, "objects": n_objects, **numbers}))
    return classes


def _judged(one: Report) -> Report:
    """The numbers, and whether the new one is worse than its limit or than the baseline's."""
    return {**one, "isWorse": _is_beyond(one) or _has_fallen(one)}


def _has_fallen(one: Report) -> bool:
    """Whether a score is worse than the baseline's by more than allowed, which needs both."""
    if one["now"] is None or one["baseline"] is None:
        return False
    drop = (one["baseline"] - one["now"]) * (1 if one.get("higherIsBetter", True) else -1)
    return bool(drop > one["allowedDrop"] + LEAST_DROP * (abs(one["baseline"]) + abs(one["now"])))


def _reasons(report: Report) -> list[str]:
    """Why the version is worse, in words; none if it is not."""
    metric = report["metric"]
    reasons = []
    if _is_beyond(metric):
        side = "below" if metric["higherIsBetter"] else "above"
        now, limit = texts([metric["now"], metric["limit"]], of=metric)
        reasons.append(f"{metric['name']} {now} is {side} {limit}")
    named = [(metric["name"], metric)]
    named += [(f"recall of {one['class']}", one) for one in report["classes"]]
    reasons += [
        f"{name} {'fell' if one['now'] < one['baseline'] else 'rose'} "
        f"from {' to '.join(texts([one['baseline'], one['now']], of=one))}, "
        f"by more than {one['allowedDrop']:.12g}"
        for name, one in named
        if _has_fallen(one)
    ]
    reasons += [
        f"{c['score']} fell by {' ('.join(texts([-c['difference'], -c['high']]))} "
        f"to {texts([-c['low']])[0]}), by chance with p {c['pValue']:.4f}"
        for c in report.get("changes", [])
        if c["isWorse"]
    ]
    return reasons


def rows_of(report: Report) -> list[tuple[str, str, str, str, str]]:
    """What is measured, objects, before, now, verdict: the metric, the classes, the changes."""
    shown = [((metric := report["metric"])["name"], "", metric)]
    shown += [(f"recall of {one['class']}", str(one["objects"]), one) for one in report["classes"]]
    rows = [(name, objects, *texts([one["baseline"], one["now"]], of=one), "WORSE" * one["isWorse"])
            for name, objects, one in shown]  # fmt: skip
    return rows + [
        (f"change of {c['score']}, p {c['pValue']:.4f}", "", "", texts([c["difference"]], "+")[0],
         "WORSE" * c["isWorse"]) for c in report.get("changes", [])
    ]  # fmt: skip


def texts(values: list[float | None], sign: str = "-", of: Report | None = None) -> list[str]:
    """Numbers beside each other: what differs reads differently, and nothing as 0 or 1 that is not.
    Three digits after the point, of a metric that is an error four that say something.
    """
    off, digits = 5e-4 if of is not None and not of.get("higherIsBetter", True) else 1.0, 3
    known = {0.0, 1.0} | {float(f"{value:.12g}") for value in values if value is not None}
    while digits < 13 and (
        len({f"{value:.{digits}f}" for value in known}) < len(known)
        or any(abs(round(value, digits) - value) > off * abs(value) for value in known)
    ):
        digits += 1
    form = f"{sign}.{digits}f" if digits < 13 else f"{sign}.12g"
    return ["-" if value is None else f"{value + 0.0:{form}}" for value in values]


def _is_beyond(one: Report) -> bool:
    """Whether a score is worse than its limit, whatever the baseline."""
    beyond = one["now"] - one["limit"] if one.get("limit") is not None else 0.0
    return bool((-beyond if one.get("higherIsBetter") else beyond) > LEAST_DROP * abs(one["now"]))


def headline(report: Report) -> str:
    """One line: what was compared, and what came of it."""
    if report["code"] == UNKNOWN:
        return f"cannot tell: {report['reasons'][0]}"
    old = report["baseline"] or {}
    other = f"{old['modelVersion']} ({old['evaluation']})" if old else "nothing"
    other += " (of older ground truth: re-evaluate it)" if "olderGroundTruth" in old else ""
    new = f"{report['modelVersion']} ({report['evaluation']})"
    mine, its = (f" with answers to {one['answered']}" if "answered" in one else ""
                 for one in (report["metric"], old))  # fmt: skip
    return f"{new}{mine} against {other}{its}: {WORDS[report['code']]}"


def as_text(report: Report) -> str:
    """For the log of a build."""
    rows = [] if report["code"] == UNKNOWN else rows_of(report)
    lines = [
        f"{name:30} {objects:>7} {was:>8} -> {now:>5}  {verdict}".rstrip()
        for name, objects, was, now, verdict in rows
    ]
    return "\n".join([*lines, *map(str, report["reasons"][: len(rows)]), headline(report)])


def as_markdown(report: Report) -> str:
    """For a comment on a pull request. Names are text there, whatever they hold."""
    lines = [f"**{escaped(headline(report))}**"]
    if report["code"] != UNKNOWN:
        lines += ["", *(f"- {escaped(reason)}" for reason in report["reasons"])]
        lines += ["", f"On the {report['split']} split, recall at {report['confidence']} %.", ""]
        lines += ["| | objects | baseline | now | |", "| --- | ---: | ---: | ---: | --- |"]
        lines += [f"| {' | '.join(map(escaped, row))} |" for row in rows_of(report)]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """The text with nothing in it that Markdown or HTML would read as more than text."""
    entities = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;", "|": "&#124;", ":": "&#58;"}
    special = r"[&<>@|:\\`*_{}\[\]()#!~$]"
    safe = re.sub(special, lambda one: entities.get(one[0], "\\" + one[0]), " ".join(text.split()))
    # Addresses become links without any mark around them.
    return re.sub(r"(www)\.", r"\1&#46;", safe, flags=re.IGNORECASE)


def amount(text: str) -> float:
    """A finite number, not below 0."""
    if not 0 <= float(text) < float("inf"):
        raise argparse.ArgumentTypeError("must be 0 or more")
    return float(text)


def options_of(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--project", required=True, help="Slug or id.")
    parser.add_argument("--model-version", required=True)
    parser.add_argument("--control", help="Of several controls the one that is evaluated.")
    parser.add_argument("--ground-truth", choices=["marked", "all"])
    named = "Compare with this evaluation, or the newest of this version; else the accepted one."
    parser.add_argument("--baseline", metavar="EVAL_ID|VERSION", help=named)
    parser.add_argument("--split", choices=["train", "valid", "test"], default="test")
    parser.add_argument("--confidence", type=int, help="Percent of recall; the evaluation's own.")
    least = "Least mAP or what stands for it, of errors the most, whatever the baseline."
    parser.add_argument("--min-map", "--score-limit", dest="limit", type=amount, help=least)
    parser.add_argument("--max-drop-map", "--max-worse", dest="worse", type=amount, default=0.01)
    parser.add_argument("--max-drop-recall", type=amount, default=0.01, help="Of each class.")
    parser.add_argument("--max-drop-recall-few", type=amount, default=0.1, help="Of small classes.")
    parser.add_argument("--few-objects", type=int, default=20, help="Fewer than so many are few.")
    parser.add_argument(
        "--fail-if-significantly-worse", nargs="*", choices=list(SCORES), metavar="SCORE",
        help="Worse, too, if one of these (f1 unless given) fell by more than chance explains.",
    )  # fmt: skip
    parser.add_argument("--accept", action="store_true", help="Mark it as accepted if it is good.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="Write the report there, too.")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="Write a comment there, too.")
    parser.add_argument("--within", type=float, default=600.0, help="Seconds to wait.")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    options = options_of(arguments)
    try:
        server = Server(os.environ["EVALUATION_URL"], os.environ["EVALUATION_API_KEY"])
        report = judge(server, options)
    except (Refused, OSError, KeyError, ValueError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        report = {"reasons": [reason], "code": UNKNOWN}
    report["verdict"] = WORDS[code := int(report["code"])]
    if options.json:
        options.json.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    if options.markdown:
        options.markdown.write_text(as_markdown(report))
    print(as_text(report), file=sys.stderr if code == UNKNOWN else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main())
