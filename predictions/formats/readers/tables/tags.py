"""Tags of tokens, by IOB2, IOB or BIOES, as entities; as conlleval and seqeval read them."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from predictions.formats.content import Region, Span

TAG = re.compile(r"([BIESLU])-(.+)")
#: BILOU's words for the end of an entity, and for one of a single token.
SAME_AS = {"L": "E", "U": "S"}
OUTSIDE = "O"
NOT_A_TAG = "{tag!r:.100} is no tag: O, or B- or I- (E-, S-) and a class."
#: The letter, and the class; of O no class.
Tag = tuple[str, str]


def tag_of(text: str) -> Tag | None:
    """None for what is no tag."""
    if text == OUTSIDE:
        return OUTSIDE, ""
    found = TAG.fullmatch(text)
    return (SAME_AS.get(found[1], found[1]), found[2]) if found else None


@dataclass(slots=True)
class Text:
    """The tokens of one text, with the tag, the score and the place of each."""

    place: str
    tokens: list[str] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)
    scores: list[float | None] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    #: What stands in the place of scores and is none, and where.
    odd_scores: list[tuple[str, str]] = field(default_factory=list)

    #: What the file calls the text.
    id: str | None = None
    #: What stands between each token and its tag.
    between: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The tokens with a space between them."""
        return " ".join(self.tokens)

    def entities(self, starts: list[bool]) -> Iterator[Region]:
        """In order; of each, whether it begins with I- or E- is added to `starts`."""
        at, first, end = 0, None, 0
        label = ""
        before: Tag = (OUTSIDE, "")
        for n, (token, tag) in enumerate(zip(self.tokens, self.tags, strict=True)):
            if first is not None and _is_new(before, tag):
                yield self._region(first, n, label, end)
                first = None
            if first is None and tag[0] != OUTSIDE:
                first, label = n, tag[1]
                starts.append(tag[0] in "IE")
            before, end = tag, at + len(token)
            at = end + 1
        if first is not None:
            yield self._region(first, len(self.tokens), label, end)

    def _region(self, first: int, last: int, label: str, end: int) -> Region:
        """Of tokens from `first` up to, but without, `last`, whose text ends at `end`."""
        start = end - len(" ".join(self.tokens[first:last]))
        score = _score(self.scores[first:last])
        return Region((label,), Span(start, end), score, None, self.places[first])


def _is_new(before: Tag, tag: Tag) -> bool:
    """Whether the entity of the tag before has ended."""
    return tag[0] in "BSO" or before[0] in "ES" or before[1] != tag[1]


def _score(told: Sequence[float | None]) -> float | None:
    """Their mean; where all are one number, that number to the last bit."""
    scores = [score for score in told if score is not None]
    if not scores:
        return None
    is_one = min(scores) == max(scores)
    return scores[0] if is_one else math.fsum(scores) / len(scores)
