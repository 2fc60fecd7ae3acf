"""What the gate says, for people: the line of a verdict, a table for the log, a comment."""

import re
from typing import Any

GOOD, WORSE, UNKNOWN = 0, 1, 2
WORDS = {GOOD: "good", WORSE: "worse", UNKNOWN: "unknown"}
#: Probability below which a difference is taken for more than chance.
CHANCE = 0.05
#: No digit after the point beyond it says anything.
MOST_DIGITS = 13

Report = dict[str, Any]
#: What is measured, objects, before, now, verdict.
Row = tuple[str, str, str, str, str]


def headline(report: Report) -> str:
    """One line: what was compared, and what came of it."""
    if report["code"] == UNKNOWN:
        return f"cannot tell: {report['reasons'][0]}"
    new = f"{report['modelVersion']} ({report['evaluation']}){_answers(report['metric'])}"
    return f"{new} against {_baseline(report['baseline'])}: {WORDS[report['code']]}"


def as_text(report: Report) -> str:
    """For the log of a build."""
    rows = [] if report["code"] == UNKNOWN else _rows(report)
    lines = [
        f"{name:30} {objects:>7} {was:>8} -> {now:>5}  {verdict}".rstrip()
        for name, objects, was, now, verdict in rows
    ]
    # Of what it cannot tell the headline has the reason.
    reasons = report["reasons"] if rows else []
    return "\n".join([*lines, *reasons, headline(report)])


def as_markdown(report: Report) -> str:
    """For a comment on a pull request. Names are text there, whatever they hold."""
    lines = [f"**{escaped(headline(report))}**"]
    if report["code"] != UNKNOWN:
        lines += ["", *(f"- {escaped(reason)}" for reason in report["reasons"])]
        lines += ["", f"On the {report['split']} split, recall at {report['confidence']} %.", ""]
        lines += ["| | objects | baseline | now | |", "| --- | ---: | ---: | ---: | --- |"]
        lines += [f"| {' | '.join(map(escaped, row))} |" for row in _rows(report)]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """The text with nothing in it that Markdown or HTML would read as more than text."""
    entities = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;", "|": "&#124;", ":": "&#58;"}
    special = r"[&<>@|:\\`*_{}\[\]()#!~$]"
    safe = re.sub(special, lambda one: entities.get(one[0], "\\" + one[0]), " ".join(text.split()))
    # Addresses become links without any mark around them.
    return re.sub(r"(www)\.", r"\1&#46;", safe, flags=re.IGNORECASE)


def texts(values: list[float | None], sign: str = "-", of: Report | None = None) -> list[str]:
    """Numbers beside each other: what differs reads differently, and nothing as 0, 1 or -1 that is
    not. Three digits after the point, of a metric that is an error four that say something.
    """
    is_error = of is not None and not of.get("higherIsBetter", True)
    may_be_off = 5e-4 if is_error else 1.0
    # As exact as the longest form: sums of binary fractions are off by less.
    known = {0.0, 1.0, -1.0} | {float(f"{value:.12g}") for value in values if value is not None}
    digits = 3
    while digits < MOST_DIGITS and not _are_told(known, digits, may_be_off):
        digits += 1
    form = f"{sign}.{digits}f" if digits < MOST_DIGITS else f"{sign}.12g"
    # Adding 0 takes the sign of a negative zero.
    return ["-" if value is None else f"{value + 0.0:{form}}" for value in values]


def probability(value: float) -> str:
    """Four digits after the point, and more where they would say 0, 1 or CHANCE of what is not."""
    digits = 4
    while digits < MOST_DIGITS and round(value, digits) in {0.0, 1.0, CHANCE} - {value}:
        digits += 1
    return f"{value:.{digits}f}"


def _are_told(values: set[float], digits: int, may_be_off: float) -> bool:
    """Whether so many digits tell the numbers apart, each off by no more than that part of it."""
    # Adding 0: a negative number that is too small for the digits would read as -0, which is 0.
    written = {f"{round(value, digits) + 0.0:.{digits}f}" for value in values}
    are_near = all(abs(round(value, digits) - value) <= may_be_off * abs(value) for value in values)
    return len(written) == len(values) and are_near


def _rows(report: Report) -> list[Row]:
    """The metric, the classes, and what changed by more than chance."""
    metric = report["metric"]
    rows = [_row(metric["name"], "", metric)]
    rows += [
        _row(f"recall of {one['class']}", str(one["objects"]), one) for one in report["classes"]
    ]
    return rows + [_change_row(change) for change in report.get("changes", [])]


def _row(name: str, objects: str, one: Report) -> Row:
    was, now = texts([one["baseline"], one["now"]], of=one)
    return name, objects, was, now, _mark(one)


def _change_row(change: Report) -> Row:
    name = f"change of {change['score']}, p {probability(change['pValue'])}"
    (by,) = texts([change["difference"]], "+")
    return name, "", "", by, _mark(change)


def _mark(one: Report) -> str:
    return "WORSE" if one["isWorse"] else ""


def _baseline(old: Report | None) -> str:
    if old is None:
        return "nothing"
    older = " (of older ground truth: re-evaluate it)" if "olderGroundTruth" in old else ""
    return f"{old['modelVersion']} ({old['evaluation']}){older}{_answers(old)}"


def _answers(one: Report) -> str:
    """Of errors, which are of answered tasks alone: how many these are."""
    return f" with answers to {one['answered']}" if "answered" in one else ""
