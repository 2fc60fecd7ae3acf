"""Names in news: short reports that a seeded generator writes, and two small taggers.

`news-list` knows some names by heart and finds nothing else; `news-context` also looks at the words
around a name it does not know. Their mistakes are their own.
"""

import random
import re
from typing import Any

from predictions.demo import NEWS_TITLE
from predictions.demo.texts import TextProject, task

LABEL_CONFIG = """<View>
  <Text name="text" value="$text"/>
  <Labels name="entity" toName="text">
    <Label value="PER"/>
    <Label value="ORG"/>
    <Label value="LOC"/>
  </Labels>
</View>"""
VERSIONS = ("news-list", "news-context")
NAMES = {
    "PER": (
        "Ada Lovelace", "Grace Hopper", "Alan Turing", "Emmy Noether", "Jordan",
        "Katherine Johnson", "Paris Chandler", "Mary Jackson",
    ),
    "ORG": (
        "Northwind", "Acme Steel", "Jordan Bank", "Blue Harbour", "Tidewater", "Oslo Shipping",
        "Red Mill", "Granite Works",
    ),
    "LOC": ("Lisbon", "Oslo", "Jordan", "New Haven", "Paris", "Porto", "Cape Town", "Turin"),
}  # fmt: skip
SENTENCES = (
    "{PER} joined {ORG} in {LOC}.",
    "{ORG} opened a plant near {LOC}.",
    "On Monday {PER} flew to {LOC}.",
    "Workers of {ORG} met {PER} in {LOC}.",
    "{LOC} sued {ORG}.",
    "Nobody at {ORG} knew why {PER} left.",
    "It rained all week.",
)
#: Of each class, so many of the names above are known by heart.
N_KNOWN = 5
SURE, LIKELY, GUESSED = 0.95, 0.75, 0.45
PLACE = re.compile(r"\{([A-Z]+)\}")
CAPITALIZED = re.compile(r"[A-Z][a-z]+(?: [A-Z][a-z]+)*")
#: What the word before a name says of it.
BEFORE = {
    "in": "LOC", "near": "LOC", "to": "LOC",
    "of": "ORG", "at": "ORG", "joined": "ORG", "sued": "ORG",
    "met": "PER", "why": "PER",
}  # fmt: skip
#: Words that begin a sentence and are no names.
PLAIN = {"On", "Monday", "On Monday", "Workers", "Nobody", "It"}

Span = tuple[int, int, str]


def project(n_texts: int, *, seed: int = 0) -> TextProject:
    """The project; its texts are the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311  # texts, no secrets
    tasks = []
    for number in range(n_texts):
        text, spans = write(chance)
        tasks.append(
            task(
                number,
                {"text": text},
                name="news",
                truth=[_region(text, n, span) for n, span in enumerate(spans)],
                said={"news-list": by_list(text), "news-context": by_context(text)},
            )
        )
    return TextProject(NEWS_TITLE, LABEL_CONFIG, "news", VERSIONS, tasks)


def write(chance: random.Random) -> tuple[str, list[Span]]:
    """One to three sentences, and where their names are: start, end, class."""
    text, spans = "", []
    for sentence in chance.sample(SENTENCES, chance.randint(1, 3)):
        text += " " if text else ""
        at = 0
        for place in PLACE.finditer(sentence):
            text += sentence[at : place.start()]
            name = chance.choice(NAMES[place[1]])
            spans.append((len(text), len(text) + len(name), place[1]))
            text += name
            at = place.end()
        text += sentence[at:]
    return text, spans


def by_list(text: str) -> list[dict[str, Any]]:
    """The names that are known by heart, wherever they stand, the longest first."""
    return [_region(text, n, span, SURE) for n, span in enumerate(sorted(_known(text)))]


def by_context(text: str) -> list[dict[str, Any]]:
    """Capitalized words: what the word before says of them, else the list, else a guess."""
    known = {(start, end): label for start, end, label in _known(text)}
    found: list[dict[str, Any]] = []
    for match in CAPITALIZED.finditer(text):
        if match[0] in PLAIN:
            continue
        # A sentence's first word is a part of the match: it is no part of the name.
        skipped = next((len(word) + 1 for word in PLAIN if match[0].startswith(f"{word} ")), 0)
        start, end = match.start() + skipped, match.end()
        before = text[:start].split()[-1:] or [""]
        label = BEFORE.get(before[0])
        score = SURE if label and known.get((start, end)) == label else LIKELY
        if label is None:
            label = known.get((start, end))
        if label is None:
            label, score = ("PER" if " " in text[start:end] else "ORG"), GUESSED
        found.append(_region(text, len(found), (start, end, label), score))
    return found


def _known(text: str) -> list[Span]:
    names = [(name, label) for label, names in NAMES.items() for name in names[:N_KNOWN]]
    found: list[Span] = []
    for name, label in sorted(names, key=lambda one: -len(one[0])):
        for match in re.finditer(re.escape(name), text):
            start, end = match.span()
            if not any(start < other[1] and other[0] < end for other in found):
                found.append((start, end, label))
    return found


def _region(text: str, number: int, span: Span, score: float | None = None) -> dict[str, Any]:
    start, end, label = span
    region = {
        "id": f"name-{number}",
        "from_name": "entity",
        "to_name": "text",
        "type": "labels",
        "value": {"start": start, "end": end, "text": text[start:end], "labels": [label]},
    }
    return region if score is None else {**region, "score": score}
