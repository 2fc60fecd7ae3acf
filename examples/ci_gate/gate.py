"""Fails a CI build if a model version is worse than the one that was accepted.

Evaluates the stored predictions of a version and compares it with a named baseline: the evaluation
that is marked as accepted, or `--baseline`. Never with just the newest one, which may be the failed
build before this. Exit codes: 0 good, 1 worse, 2 cannot tell (see the README). Needs no packages,
and the two files beside it: `gate_evaluations.py` asks the server, `gate_report.py` says what came
of it.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from gate_evaluations import (
    SCORES,
    Recalls,
    Refused,
    Report,
    Server,
    baseline_of,
    difference,
    evaluate,
    has_other_ground_truth,
    quality,
    recalls,
)
from gate_report import (
    CHANCE,
    GOOD,
    UNKNOWN,
    WORDS,
    WORSE,
    as_markdown,
    as_text,
    probability,
    texts,
)

#: Part of a number that sums of binary fractions are off by: less is no drop.
LEAST_DROP = 1e-9


def judge(server: Server, options: argparse.Namespace) -> Report:
    """Evaluates, compares, and says what came of it. Refused where it cannot tell."""
    new = evaluate(server, _asked(options), within_s=options.within)
    old = baseline_of(server, new, options.baseline)
    report = _report(server, new, old, options)
    report["reasons"] = list(_reasons(report))
    report["code"] = WORSE if report["reasons"] else GOOD
    if options.accept and report["code"] == GOOD:
        server.evals("PATCH", f"/{new['evalId']}", {"accepted": True})
        report["accepted"] = True
    return report


def _asked(options: argparse.Namespace) -> Report:
    """The request of the evaluation."""
    asked = {
        "project": options.project,
        "modelVersion": options.model_version,
        "control": options.control,
        "groundTruth": options.ground_truth,
    }
    return {name: value for name, value in asked.items() if value is not None}


def _report(server: Server, new: Report, old: Report | None, options: argparse.Namespace) -> Report:
    """All numbers of the two, each with whether it is worse."""
    split, confidence = options.split, options.confidence
    if confidence is None:
        confidence = round(100 * new["confidenceThreshold"])
    report: Report = {
        "project": new["project"],
        "modelVersion": new["modelVersion"],
        "evaluation": new["evalId"],
        "baseline": None,
        "split": split,
        "confidence": confidence,
    }
    scores = options.fail_if_significantly_worse
    score = quality(server, new, split)
    changed, was, before = None, None, {}
    if old is not None:
        # An imported file has no label config to differ by.
        if old["source"] == "computed" or scores is not None:
            changed = difference(server, old, new, split=split, confidence=confidence)
        standing = quality(server, old, split)
        report["baseline"] = _baseline(old, new, standing)
        was = standing["value"]
        before = recalls(server, old, split, confidence)
    report["metric"] = _metric(score, was, options)
    report["classes"] = _classes(recalls(server, new, split, confidence), before, options)
    if changed is not None and scores is not None:
        report["changes"] = _changes(changed, scores or ["f1"])
    return report


def _baseline(old: Report, new: Report, standing: Report) -> Report:
    """What the new one is compared with."""
    found = {"evaluation": old["evalId"], "modelVersion": old["modelVersion"] or old["versionId"]}
    if has_other_ground_truth(old, new):
        found["olderGroundTruth"] = True
    if "answered" in standing:
        found["answered"] = standing["answered"]
    return found


def _metric(found: Report, was: float | None, options: argparse.Namespace) -> Report:
    metric = {
        **found,
        "limit": options.limit,
        "now": found["value"],
        "baseline": was,
        "allowedDrop": options.worse,
    }
    del metric["value"]
    return _judged(metric)


def _classes(found: Recalls, before: Recalls, options: argparse.Namespace) -> list[Report]:
    """The recall of each class that one of the two has objects of."""
    classes = []
    for name in dict.fromkeys([*found, *before]):
        n_objects, recall = found.get(name, (0, None))
        n_before, was = before.get(name, (0, None))
        is_few = (n_objects if name in found else n_before) < options.few_objects
        allowed = options.max_drop_recall_few if is_few else options.max_drop_recall
        numbers = {"now": recall, "baseline": was, "allowedDrop": allowed}
        classes.append(_judged({"class": name, "objects": n_objects, **numbers}))
    return classes


def _changes(found: Report, decisive: list[str]) -> list[Report]:
    """What changed of precision, recall and F1 over the images of both; `decisive` ones are worse
    if they fell by more than chance explains.

    Refused where the two have no image in common, or too many to draw from.
    """
    if found["significance"] is None:
        n_images = found["totals"]["images"]
        raise Refused(f"{found['other']} and {found['base']} have {n_images} images in common.")
    changes = []
    for name, shown in SCORES.items():
        change = found["significance"][name]
        has_fallen = change["difference"] < -LEAST_DROP and change["pValue"] < CHANCE
        changes.append({"score": shown, **change, "isWorse": name in decisive and has_fallen})
    return changes


def _judged(one: Report) -> Report:
    """The numbers, and whether the new one is worse than its limit or than the baseline's."""
    return {**one, "isWorse": _is_beyond(one) or _has_fallen(one)}


def _is_beyond(one: Report) -> bool:
    """Whether a score is worse than its limit, whatever the baseline."""
    if one.get("limit") is None:
        return False
    beyond = one["now"] - one["limit"]
    if one["higherIsBetter"]:
        beyond = -beyond
    return bool(beyond > LEAST_DROP * abs(one["now"]))


def _has_fallen(one: Report) -> bool:
    """Whether a score is worse than the baseline's by more than allowed, which needs both."""
    was, now = one["baseline"], one["now"]
    if was is None or now is None:
        return False
    drop = was - now if one.get("higherIsBetter", True) else now - was
    return bool(drop > one["allowedDrop"] + LEAST_DROP * (abs(was) + abs(now)))


def _reasons(report: Report) -> Iterator[str]:
    """Why the version is worse, in words; none if it is not."""
    metric = report["metric"]
    if _is_beyond(metric):
        side = "below" if metric["higherIsBetter"] else "above"
        now, limit = texts([metric["now"], metric["limit"]], of=metric)
        yield f"{metric['name']} {now} is {side} {limit}"
    if _has_fallen(metric):
        yield _fall(metric["name"], metric)
    for one in report["classes"]:
        if _has_fallen(one):
            yield _fall(f"recall of {one['class']}", one)
    for change in report.get("changes", []):
        if change["isWorse"]:
            by, high = texts([-change["difference"], -change["high"]])
            (low,) = texts([-change["low"]])
            chance = probability(change["pValue"])
            yield f"{change['score']} fell by {by} ({high} to {low}), by chance with p {chance}"


def _fall(name: str, one: Report) -> str:
    way = "fell" if one["now"] < one["baseline"] else "rose"
    was, now = texts([one["baseline"], one["now"]], of=one)
    return f"{name} {way} from {was} to {now}, by more than {one['allowedDrop']:.12g}"


def amount(text: str) -> float:
    """A finite number, not below 0."""
    if not 0 <= float(text) < float("inf"):
        raise argparse.ArgumentTypeError("must be 0 or more")
    return float(text)


def options_of(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
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
    chance = "Worse, too, if one of these (f1 unless given) fell by more than chance explains."
    parser.add_argument(
        "--fail-if-significantly-worse",
        nargs="*",
        choices=list(SCORES),
        metavar="SCORE",
        help=chance,
    )
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
    code = int(report["code"])
    report["verdict"] = WORDS[code]
    if options.json:
        options.json.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    if options.markdown:
        options.markdown.write_text(as_markdown(report))
    print(as_text(report), file=sys.stderr if code == UNKNOWN else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main())
