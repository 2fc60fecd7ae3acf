"""CoNLL: a token and its tag a line, a blank line between texts; tags by IOB2, IOB or BIOES.

The first column is the token, the last its tag; a text is its tokens with a space between them.
Where an entity begins and ends is what conlleval and seqeval make of the tags. A version's scores
stand between token and tag, `_` for none, as `manage.py dump conll` writes them.
Format: https://www.clips.uantwerpen.be/conll2003/ner/
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from predictions.formats.content import Ask, Content, FileTask, Kind, Known, Region, Span
from predictions.formats.errors import Errors
from predictions.formats.readers import collected
from predictions.formats.readers.rows import number_of
from predictions.formats.sources import Source

TAG = re.compile(r"([BIESLU])-(.+)")
#: BILOU's words for the end of an entity, and for one of a single token.
SAME_AS = {"L": "E", "U": "S"}
OUTSIDE, NO_SCORE = "O", "_"
NOT_TOKENS = ("-DOCSTART-", "# id ")
SPACES = re.compile(r"[ \t]+")
ODD = (
    "{n:,} entities begin with I- after another one or after none: they are read as conlleval does."
)


@dataclass(slots=True)
class Text:
    """Tokens of one text: what stands in their first and last columns, and the score."""

    place: str
    tokens: list[str] = field(default_factory=list)
    tags: list[tuple[str, str]] = field(default_factory=list)
    scores: list[float | None] = field(default_factory=list)
    places: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join(self.tokens)


def truth(source: Source, ask: Ask, errors: Errors) -> Content:
    """A text without entities counts, too."""
    return _content(_texts(source, errors), errors, is_prediction=False)


def predictions(source: Source, ask: Ask, errors: Errors, known: Known) -> Content:
    """The same tokens with a version's tags, and scores where there are any."""
    texts = list(_texts(source, errors))
    _refuse_others(texts, known, errors)
    return _content(texts, errors, is_prediction=True)


def _content(found: Iterator[Text] | list[Text], errors: Errors, *, is_prediction: bool) -> Content:
    tasks, starts = [], []
    for one in found:
        regions = list(_regions(one, starts))
        if not is_prediction:
            for region in regions:
                region.score = None
        tasks.append(FileTask(data={"text": one.text}, regions=regions, place=one.place))
    # Of IOB all entities begin so, but for those right behind another one.
    odd = [is_odd for is_odd in starts if is_odd]
    is_mixed = bool(odd) and len(odd) != len(starts)
    return collected.content(
        tasks,
        errors,
        is_prediction=is_prediction,
        kind=Kind.SPAN,
        scores_optional=True,
        key="text",
        warnings=[ODD.format(n=len(odd))] if is_mixed else [],
    )


def _texts(source: Source, errors: Errors) -> Iterator[Text]:
    source.content()
    name = source.names()[0]
    text = Text(f"{name}, line 1")
    n_texts = 0
    for n, raw in enumerate(source.text(name).split("\n"), 1):
        line = raw.rstrip("\r")
        place = f"{name}, line {n}"
        if line.startswith(NOT_TOKENS) or not line.strip(" \t"):
            if text.tokens:
                n_texts += 1
                yield text
            text = Text(place)
            continue
        if not text.tokens:
            text.place = place
        columns = line.split("\t") if "\t" in line else SPACES.split(line.strip(" "))
        _add(text, columns, place, errors)
    if text.tokens:
        n_texts += 1
        yield text
    if not n_texts:
        errors.raise_if_any()
        raise errors.stop(name, "holds no tokens.")


def _add(text: Text, columns: Sequence[str], place: str, errors: Errors) -> None:
    token = columns[0].strip()
    if len(columns) < 2 or not token:
        errors.add(place, "must be a token and its tag, with a space or a tab between them.")
        return
    tag = columns[-1].strip()
    found = TAG.fullmatch(tag)
    if found is None and tag != OUTSIDE:
        errors.add(place, f"{tag!r:.100} is no tag: O, or B- or I- (E-, S-) and a class.")
        return
    told = columns[1].strip() if len(columns) == 3 else NO_SCORE
    text.tokens.append(token)
    text.places.append(place)
    text.tags.append((SAME_AS.get(found[1], found[1]), found[2]) if found else (OUTSIDE, ""))
    text.scores.append(None if told == NO_SCORE else number_of(told))


def _regions(text: Text, starts: list[bool]) -> Iterator[Region]:
    """The entities; of each, whether it begins with I- (or E-) is added to `starts`."""
    at, first, end = 0, None, 0
    label = ""
    before = (OUTSIDE, "")
    for n, (token, tag) in enumerate(zip(text.tokens, text.tags, strict=True)):
        if first is not None and _is_new(before, tag):
            yield _region(text, first, n, label, end)
            first = None
        if first is None and tag[0] != OUTSIDE:
            first, label = n, tag[1]
            starts.append(tag[0] in "IE")
        before, end = tag, at + len(token)
        at = end + 1
    if first is not None:
        yield _region(text, first, len(text.tokens), label, end)


def _is_new(before: tuple[str, str], tag: tuple[str, str]) -> bool:
    """Whether an entity that the tag before was of has ended."""
    return tag[0] in "BSO" or before[0] in "ES" or before[1] != tag[1]


def _region(text: Text, first: int, last: int, label: str, end: int) -> Region:
    """The entity of tokens from `first` up to, but without, `last`, whose text ends at `end`."""
    start = end - len(" ".join(text.tokens[first:last]))
    scores = [score for score in text.scores[first:last] if score is not None]
    score = None
    if scores:
        is_one = min(scores) == max(scores)
        score = scores[0] if is_one else math.fsum(scores) / len(scores)
    return Region((label,), Span(start, end), score, None, text.places[first])


def _refuse_others(texts: Sequence[Text], known: Known, errors: Errors) -> None:
    """An error for the first token that is another one than the ground truth's."""
    there = {text for _, text in known.texts}
    if not there or all(one.text in there for one in texts):
        return
    for one, (place, text) in zip(texts, known.texts, strict=False):
        tokens = text.split(" ")
        for n, (mine, other) in enumerate(zip(one.tokens, tokens, strict=False)):
            if mine != other:
                raise errors.stop(
                    one.places[n],
                    f"the token is {mine!r:.100}, but {other!r:.100} in the ground truth"
                    f" ({_line_after(place, n)}).",
                )
        if len(one.tokens) != len(tokens):
            raise errors.stop(
                one.place,
                f"the text has {len(one.tokens)} tokens, and {len(tokens)} in the ground truth"
                f" ({place}).",
            )


def _line_after(place: str, n: int) -> str:
    head, _, line = place.rpartition(" ")
    return f"{head} {int(line) + n}" if line.isdecimal() else place
