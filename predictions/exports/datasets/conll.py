"""CoNLL: a token and its tag a line, a blank line after each text, tags by IOB2.

Tokens are what stands between spaces. One is cut where a region of the task, of whatever annotation
or prediction, begins or ends inside, so that the files of the ground truth and of all versions have
the same tokens. Where a version's regions have scores, they stand between token and tag.
Format: https://www.clips.uantwerpen.be/conll2003/ner/
"""

import re
import tempfile
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from predictions.exports.datasets.items import CERTAIN, Item, NotHeld, address
from predictions.exports.types.given import Region, TaskValues, given_of
from predictions.exports.types.objects import text_of
from predictions.regions.config import Aliases, ObjectTag, aliases_among, read_config
from predictions.regions.controls import BY_TYPE
from predictions.regions.labels import LAST_CHARACTER, PassedOver, read_names, region_score
from predictions_api.http.storable import whole_told

WORD = re.compile(r"\S+")
#: What begins a document, in a line of its own.
DOCUMENT = "-DOCSTART-"
OUTSIDE, NO_SCORE = "O", "_"
#: What ends a tag, or its line.
UNKEPT = re.compile(r"[\t\n\r]")


@dataclass(frozen=True, slots=True)
class TextScheme:
    """The one text of a labelling config whose stretches are labelled."""

    text: ObjectTag
    #: As they are stored.
    names: tuple[str, ...]
    aliases: Aliases
    is_only_object: bool

    def holds(self, region: Region) -> bool:
        """Whether the region is of the text, as evaluations have it."""
        return self.is_only_object or region.get("to_name") == self.text.name

    @property
    def separator(self) -> str:
        """Between token and tag: a tab where a label has a space."""
        return "\t" if any(letter.isspace() for name in self.names for letter in name) else " "


def scheme_of(label_config: str) -> TextScheme | None:
    """None for a config without a plain text that labels are given on, or with several; so also
    where the data is no text, but its address or its code.
    """
    config = read_config(label_config)
    controls = [one for one in config.controls if one.tag.place == "span"]
    wanted = {name for one in controls for name in one.to_names}
    texts = [one for one in config.objects if one.name in wanted]
    if len(texts) != 1 or texts[0].tag != "Text" or texts[0].is_list or texts[0].flag:
        return None
    if texts[0].is_derived:
        return None
    labels = [label for one in controls for label in one.labels]
    return TextScheme(
        text=texts[0],
        names=tuple(dict.fromkeys(stored for stored, _ in labels)),
        aliases=aliases_among(config, controls),
        is_only_object=len(config.objects) == 1,
    )


@dataclass(frozen=True, slots=True)
class Span:
    """A labelled stretch of the text, its end exclusive."""

    start: int
    end: int
    label: str
    score: float | None
    region: Region


def pieces(found: Iterable[Item], scheme: TextScheme) -> Iterator[bytes]:
    """The file. Lines wait on disk until it is known whether there are scores."""
    has_scores = False
    with tempfile.TemporaryFile() as file:
        for item in found:
            spans = _spans(item, scheme)
            has_scores = has_scores or any(one.score is not None for one in spans)
            for line in _lines(item, spans, scheme):
                file.write("\t".join(line).encode() + b"\n")
            file.write(b"\n")
        file.seek(0)
        for stored in file:
            columns = stored.decode().rstrip("\n").split("\t")
            kept = columns if has_scores else [columns[0], columns[-1]][: len(columns)]
            if has_scores and columns[-1] not in {"", OUTSIDE} and columns[1] == NO_SCORE:
                # Readers take no file in which some entities have a score.
                kept[1] = text_of(CERTAIN)
            yield f"{scheme.separator.join(kept)}\n".encode() if any(columns) else b"\n"


def _lines(item: Item, spans: Sequence[Span], scheme: TextScheme) -> Iterator[tuple[str, str, str]]:
    """Token, score and tag."""
    text = address(item.task, scheme.text.path)
    tokens = _tokens(text, _cuts(item.task, scheme))
    if not tokens:
        raise NotHeld(f"Task {item.task['id']} has no text.")
    if any(text.startswith(DOCUMENT, start) for start, _ in tokens):
        raise NotHeld(
            f"Task {item.task['id']}: its text has a word that begins with {DOCUMENT}, which"
            " readers of the format pass over as the beginning of a document."
        )
    _refuse_empty(spans, item)
    starts, ends = {start for start, _ in tokens}, {end for _, end in tokens}
    for one, following in pairwise(spans):
        if following.start < one.end:
            raise NotHeld(
                f"{item.place_of(following.region)} lies over another one; a token has one tag."
            )
    for one in spans:
        if one.start not in starts or one.end not in ends:
            raise NotHeld(
                f"{item.place_of(one.region)}: {one.start} to {one.end} is not from the beginning"
                " of a word to the end of one."
            )
    at = 0
    for start, end in tokens:
        while at < len(spans) and spans[at].end <= start:
            at += 1
        score, tag = NO_SCORE, OUTSIDE
        if at < len(spans) and spans[at].start <= start:
            one = spans[at]
            tag = f"{'B' if one.start == start else 'I'}-{one.label}"
            score = NO_SCORE if one.score is None else text_of(one.score)
        yield text[start:end], score, tag


def _refuse_empty(spans: Iterable[Span], item: Item) -> None:
    """`NotHeld` for one that has no character: evaluations count it, a token cannot be it."""
    for one in spans:
        if one.end <= one.start:
            raise NotHeld(
                f"{item.place_of(one.region)}: {one.start} to {one.end} has no character."
            )


def _tokens(text: str, cuts: Sequence[int]) -> list[tuple[int, int]]:
    """From where to where, end exclusive; `cuts` are in order."""
    tokens = []
    for word in WORD.finditer(text):
        inside = cuts[bisect_right(cuts, word.start()) : bisect_left(cuts, word.end())]
        edges = [word.start(), *inside, word.end()]
        tokens += list(pairwise(edges))
    return tokens


def _cuts(task: TaskValues, scheme: TextScheme) -> list[int]:
    """Where any region of the text begins or ends."""
    cuts: set[int] = set()
    for source in ("annotations", "predictions"):
        for given in given_of(task, source):
            for region in given.regions:
                cuts.update(_edges(region, scheme) or ())
    return sorted(cuts)


def _edges(region: Region, scheme: TextScheme) -> tuple[int, int] | None:
    """From where to where; None for what is no stretch of the text that evaluations read."""
    tag = BY_TYPE.get(str(region.get("type")))
    value = region.get("value")
    if tag is None or tag.place != "span" or not isinstance(value, Mapping):
        return None
    if not scheme.holds(region):
        return None
    offsets = value.get("globalOffsets")
    told = offsets if isinstance(offsets, Mapping) else value
    start, end = (whole_told(told.get(name), LAST_CHARACTER) for name in ("start", "end"))
    return None if start is None or end is None else (start, end)


def _refuse_place(region: Region, item: Item, scheme: TextScheme) -> None:
    """`NotHeld` for a stretch that tells the elements it lies in: evaluations count it."""
    value = region.get("value")
    if scheme.holds(region) and isinstance(value, Mapping) and "startOffset" in value:
        raise NotHeld(f"{item.place_of(region)} does not tell its characters (globalOffsets).")


def _spans(item: Item, scheme: TextScheme) -> list[Span]:
    """By their place; a region's first label alone, and none of what evaluations pass over."""
    found = []
    for region in item.given.regions:
        edges = _edges(region, scheme)
        if edges is None:
            _refuse_place(region, item, scheme)
            continue
        try:
            names = _names(region)
            score = _score(region, item)
        except PassedOver:
            continue
        if names:
            label = scheme.aliases.stored(names[0], region.get("from_name"))
            if label not in scheme.names:
                raise NotHeld(
                    f"{item.place_of(region)}: the labelling config has no label {label!r:.100}."
                )
            _refuse_unkept(label, item.place_of(region))
            found.append(Span(*edges, label, score, region))
    return sorted(found, key=lambda one: (one.start, one.end))


def _refuse_unkept(label: str, place: str) -> None:
    """`NotHeld` for a label that would end before its line does, or be read without its end."""
    if label != label.rstrip() or UNKEPT.search(label):
        raise NotHeld(
            f"{place}: the label {label!r:.100} has a space at its end, a tab or a line break,"
            " which readers of this format do not keep."
        )


def _names(region: Region) -> list[str]:
    value: Any = region["value"]
    return read_names(value.get(str(region["type"])) or value.get("labels"))


def _score(region: Region, item: Item) -> float | None:
    if not item.given.is_prediction:
        return None
    default = item.given.score
    if region.get("score") is None and default is None:
        return None
    return region_score(region, (), 0.0 if default is None else default)
