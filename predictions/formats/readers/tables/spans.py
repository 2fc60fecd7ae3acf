"""Stretches of texts, a JSON document a line; offsets count characters, the end is exclusive.

spaCy and Prodigy: `{"text", "spans": [{"start", "end", "label"}]}`; doccano: `{"text", "label":
[[start, end, label]]}`; Hugging Face: `{"tokens", "ner_tags"}` with the tags' names. A prediction's
`score` stands in the span, behind the label (doccano), or on the line for all of it. What else a
line says in a text, a number, true or false is the task's data, but for Prodigy's own (`_...`).
"""

from collections.abc import Iterator
from typing import Any

from msgspec import Raw, Struct

from predictions.formats.classes import folded
from predictions.formats.content import Ask, Content, FileTask, Kind, Known, Region, Span
from predictions.formats.errors import Errors
from predictions.formats.readers import collected, documents
from predictions.formats.readers.tables.tags import NOT_A_TAG, Text, tag_of
from predictions.formats.sources import Source

REJECTED = "{n:,} texts were not accepted (`answer`): they are left out."
ONE_OF = "needs one of `spans`, `label` or `ner_tags`, and no other of them."
ENTITIES = "has `entities`, which are not read: write them as `spans`, with start, end and label."
OTHER_TEXT = (
    "covers {told!r:.100} by its own text, and {there!r:.100} by its place, {of.start} to"
    " {of.end}: are these no characters, but bytes or halves of an emoji?"
)


class Stretch(Struct):
    """One of `spans`."""

    start: int
    end: int
    label: str
    score: float | None = None
    #: What it covers, of tools that tell it.
    text: str | None = None


class Line(Struct):
    """One document, of whichever of the three."""

    text: str | None = None
    spans: list[Stretch] | None = None
    label: list[Any] | None = None
    labels: list[Any] | None = None
    tokens: list[Any] | None = None
    ner_tags: list[str | int] | None = None
    answer: str = "accept"
    score: float | None = None
    model_version: Any = None
    # Not read.
    entities: Any = None
    split: Any = None


#: What stands in a line under these names is read, or said to be not.
READ = frozenset(Line.__struct_fields__)
#: What JSON of a value begins with that is kept: no object and no list.
ONE_VALUE = b'"-0123456789tf'


def truth(source: Source, ask: Ask, errors: Errors) -> Content:
    """A text without spans counts, too."""
    return _read(source, errors, is_prediction=False)


def predictions(source: Source, ask: Ask, errors: Errors, known: Known) -> Content:
    """The same with scores; or none at all, with a warning."""
    return _read(source, errors, is_prediction=True)


def _read(source: Source, errors: Errors, *, is_prediction: bool) -> Content:
    tasks = []
    n_rejected = 0
    tells_split = False
    versions: list[object] = []
    for place, text in documents.lines(source):
        line = documents.decoded(text, Line, place, errors)
        if line is None:
            continue
        versions.append(line.model_version)
        tells_split = tells_split or line.split is not None
        if line.answer != "accept":
            n_rejected += 1
        elif (task := _task(line, place, errors)) is not None:
            task.data = _others(text, place, errors) | task.data
            tasks.append(task)
            if not is_prediction:
                for region in task.read():
                    region.score = None
    if is_prediction:
        collected.refuse_versions(source.name, versions, errors)
    return collected.content(
        tasks,
        errors,
        is_prediction=is_prediction,
        kind=Kind.SPAN,
        scores_optional=True,
        key="text",
        warnings=[
            *([REJECTED.format(n=n_rejected)] if n_rejected else []),
            *([collected.SPLIT_UNREAD] if tells_split else []),
        ],
    )


def _others(text: bytes, place: str, errors: Errors) -> dict[str, Any]:
    """What a line says beside its text and what is said of it."""
    said = documents.decoded(text, dict[str, Raw], place, errors) or {}
    return {
        name: documents.decoded(bytes(value), object, f"{place}, {name:.100}", errors)
        for name, value in said.items()
        if name not in READ and name[:1] != "_" and bytes(value)[:1] in ONE_VALUE
    }


def _task(line: Line, place: str, errors: Errors) -> FileTask | None:
    if line.entities is not None:
        errors.add(place, ENTITIES)
        return None
    given = [line.ner_tags, line.spans, line.label, line.labels]
    if sum(one is not None for one in given) != 1:
        errors.add(place, ONE_OF)
        return None
    if line.ner_tags is not None:
        return _of_tokens(line, place, errors)
    text = line.text
    if not text:
        errors.add(place, "has no text.")
        return None
    triples = line.label if line.label is not None else line.labels
    regions = []
    for n, one in enumerate(_stretches(line, triples or [], place, errors)):
        if not 0 <= one.start < one.end <= len(text):
            errors.add(
                f"{place}, span {n + 1}",
                f"{one.start} to {one.end} is no stretch of a text of {len(text)} characters.",
            )
            continue
        where = f"{place}, span {n + 1}"
        there = text[one.start : one.end]
        # Tools strip such texts, or write them in small letters.
        if one.text is not None and folded(one.text) != folded(there):
            errors.add(where, OTHER_TEXT.format(told=one.text, there=there, of=one))
            continue
        score = line.score if one.score is None else one.score
        regions.append(Region((one.label,), Span(one.start, one.end), score, None, where))
    return FileTask(data={"text": text}, regions=regions, place=place)


def _stretches(line: Line, triples: list[Any], place: str, errors: Errors) -> Iterator[Stretch]:
    yield from line.spans or ()
    for n, one in enumerate(triples):
        fits = isinstance(one, list) and len(one) in {3, 4}
        if not fits or type(one[0]) is not int or type(one[1]) is not int:
            fits = False
        if not fits or not isinstance(one[2], str):
            errors.add(f"{place}, label[{n}]", "must be [start, end, label].")
            continue
        score = one[3] if len(one) == 4 else None
        if score is not None and type(score) not in {int, float}:
            errors.add(f"{place}, label[{n}]", "its score is no number.")
            continue
        yield Stretch(one[0], one[1], one[2], score)


def _of_tokens(line: Line, place: str, errors: Errors) -> FileTask | None:
    tokens, tags = line.tokens or [], line.ner_tags or []
    if len(tokens) != len(tags) or not tokens:
        errors.add(place, f"has {len(tokens)} tokens and {len(tags)} tags.")
        return None
    text = Text(place)
    for n, (token, tag) in enumerate(zip(tokens, tags, strict=True)):
        if not isinstance(token, str) or not token:
            errors.add(f"{place}, tokens[{n}]", "must be text.")
            return None
        if isinstance(tag, int):
            errors.add(
                f"{place}, ner_tags[{n}]",
                "is a number: write the tags' names, or load Parquet, whose schema has them.",
            )
            return None
        found = tag_of(tag)
        if found is None:
            errors.add(f"{place}, ner_tags[{n}]", NOT_A_TAG.format(tag=tag))
            return None
        text.tokens.append(token)
        text.tags.append(found)
        text.scores.append(line.score)
        text.places.append(f"{place}, ner_tags[{n}]")
    return FileTask(data={"text": text.text}, regions=list(text.entities([])), place=place)
