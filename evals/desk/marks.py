"""Spans in their text as the desk shows them: the text of a task in pieces, and what is on each."""

from collections.abc import Sequence
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

from evals.engine.boxes import StoredImage
from evals.engine.kinds.kind import Facts, ImageVerdicts, Job
from evals.engine.kinds.spans import paragraph_texts
from evals.engine.matching import ObjectVerdict
from evals.engine.reading import ObjectOf

Document = dict[str, Any]

#: Characters of a text, and spans of a side, that are shown.
MOST_CHARACTERS = 5000
MOST_SPANS = 300


def marked_spans(verdicts: ImageVerdicts, image: StoredImage, job: Job) -> Document:
    """`marked` with both sides: `spans`, [class, verdict, score or null], of those that are kept,
    and `pieces`, [text, places among `spans` of those that cover it]. `isCut` where not all is
    shown. Where the text is not at hand there are no pieces.
    """
    text = _text(image.data, job.reading.object_at(image.place))
    truth = _side(text, job.classes, verdicts.labels, verdicts.truths, None, verdicts.facts[0])
    predicted = _side(
        text,
        job.classes,
        verdicts.detected_labels,
        verdicts.found,
        verdicts.scores,
        verdicts.facts[1],
    )
    most = max(len(verdicts.labels), len(verdicts.detected_labels))
    is_cut = most > MOST_SPANS or len(text) > MOST_CHARACTERS
    return {"marked": {"truth": truth, "said": predicted}, "isCut": is_cut}


def _side(
    text: str,
    classes: Sequence[str],
    labels: Sequence[int],
    verdicts: Sequence[ObjectVerdict | None],
    scores: Sequence[float] | None,
    facts: Sequence[Facts],
) -> Document:
    kept = [at for at, verdict in enumerate(verdicts) if verdict is not None][:MOST_SPANS]
    spans = [
        [
            classes[labels[at]],
            None if (verdict := verdicts[at]) is None else verdict.verdict.value,
            None if scores is None else scores[at],
        ]
        for at in kept
    ]
    return {"spans": spans, "pieces": _pieces(text, [facts[at].get("span") for at in kept])}


def _pieces(text: str, spans: Sequence[Sequence[int] | None]) -> list[list[Any]]:
    """The text cut at the ends of the spans, and which of them each piece is in."""
    length = min(len(text), MOST_CHARACTERS)
    places = [
        (n, min(span[0], length), min(span[1], length))
        for n, span in enumerate(spans)
        if span is not None
    ]
    cuts = sorted({0, length, *(cut for _, *ends in places for cut in ends)})
    return [
        [text[first:end], [n for n, start, stop in places if start <= first and end <= stop]]
        for first, end in pairwise(cuts)
    ]


def _text(data: Any, shown: ObjectOf | None) -> str:
    """What stands in the task, as its spans count it; empty for what is somewhere else."""
    if shown is not None and shown.text_key:
        return "".join(paragraph_texts(data, shown.text_key))
    if not isinstance(data, str):
        return ""
    return _plain(data) if shown is not None and shown.is_html else data


class _Plain(HTMLParser):
    """Gathers what a page shows."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def _plain(page: str) -> str:
    parser = _Plain()
    parser.feed(page)
    parser.close()
    return "".join(parser.texts)
