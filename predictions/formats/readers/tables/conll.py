"""CoNLL: a token and its tag a line, a blank line between texts; tags by IOB2, IOB or BIOES.

The first column is the token, the last its tag; a text is its tokens with a space between them.
Where an entity begins and ends is what conlleval and seqeval make of the tags. A version's scores
stand between token and tag, `_` for none, as `manage.py dump conll` writes them. `# id` before a
text, as MultiCoNER has it, is kept in its data.
Format: https://www.clips.uantwerpen.be/conll2003/ner/
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from predictions.formats.content import Ask, Content, FileTask, Kind, Known
from predictions.formats.errors import Errors
from predictions.formats.readers import collected
from predictions.formats.readers.rows import number_of
from predictions.formats.readers.tables.tags import NOT_A_TAG, Text, tag_of
from predictions.formats.sources import Source

NO_SCORE = "_"
ID = "# id "
NOT_TOKENS = ("-DOCSTART-", ID)
#: Of CoNLL-U: tokens of several words, and words that are not there.
PART = re.compile(r"[0-9]+[-.][0-9]+")
SPACES = re.compile(r"[ \t]+")
NO_TOKENS = (
    "the first column of every text only {does}, as {first!r:.100} and {second!r:.100} here: these"
    " are no tokens. The token has to be in the first column: leave out the columns before it."
)
ODD = (
    "{n:,} entities begin with I- after another one or after none: they are read as conlleval does."
)


def truth(source: Source, ask: Ask, errors: Errors) -> Content:
    """A text without entities counts, too."""
    return _content(_texts(source, errors), errors, is_prediction=False)


def predictions(source: Source, ask: Ask, errors: Errors, known: Known) -> Content:
    """The same tokens with a version's tags, and scores where there are any."""
    texts = list(_texts(source, errors))
    _refuse_others(texts, known, errors)
    _refuse_odd_scores(texts, errors)
    return _content(texts, errors, is_prediction=True)


def _content(found: Iterable[Text], errors: Errors, *, is_prediction: bool) -> Content:
    tasks = []
    starts: list[bool] = []
    for one in found:
        regions = list(one.entities(starts))
        if not is_prediction:
            for region in regions:
                region.score = None
        data = {"text": one.text} if one.id is None else {"text": one.text, "id": one.id}
        tasks.append(FileTask(data=data, regions=regions, place=one.place))
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
    first = _FirstColumn()
    for n, raw in enumerate(source.text(name).split("\n"), 1):
        line = raw.rstrip("\r")
        place = f"{name}, line {n}"
        if line.startswith(NOT_TOKENS) or not line.strip(" \t"):
            if text.tokens:
                yield first.see(text)
            of_next = _id_in(line) or (text.id if not text.tokens else None)
            text = Text(place, id=of_next)
            continue
        if not text.tokens:
            text.place = place
        columns = line.split("\t") if "\t" in line else SPACES.split(line.strip(" "))
        _add(text, columns, place, errors)
    if text.tokens:
        yield first.see(text)
    if first.longest is None:
        errors.raise_if_any()
        raise errors.stop(name, "holds no tokens.")
    first.refuse(errors)


def _id_in(line: str) -> str | None:
    """The text's id in a line before it, as MultiCoNER has it: `# id 1a2b domain=train`."""
    return line.split()[2] if line.startswith(ID) and len(line.split()) > 2 else None


def _add(text: Text, columns: Sequence[str], place: str, errors: Errors) -> None:
    token = columns[0].strip()
    if len(columns) < 2 or not token:
        errors.add(place, "must be a token and its tag, with a space or a tab between them.")
        return
    tag = columns[-1].strip()
    found = tag_of(tag)
    if found is None:
        errors.add(place, NOT_A_TAG.format(tag=tag))
        return
    told = columns[1].strip() if len(columns) == 3 else NO_SCORE
    text.between.append(" ".join(columns[1:-1]).strip())
    text.tokens.append(token)
    text.places.append(place)
    text.tags.append(found)
    text.scores.append(None if told == NO_SCORE else number_of(told))
    if told != NO_SCORE and text.scores[-1] is None:
        text.odd_scores.append((place, told))


@dataclass(slots=True)
class _FirstColumn:
    """Whether the first column numbers the tokens, or names the text, as other files of CoNLL's do,
    and what the tokens are stands behind it.
    """

    counts: bool = True
    repeats: bool = True
    #: Whether something stands between each token and its tag; and in one that is no score.
    is_wide: bool = True
    has_words: bool = False
    longest: Text | None = None

    def see(self, text: Text) -> Text:
        """One more text, which is given back."""
        self.counts = self.counts and _counts(text.tokens)
        self.repeats = self.repeats and len(set(text.tokens)) == 1
        self.is_wide = self.is_wide and all(text.between)
        self.has_words = self.has_words or any(map(_is_word, text.between))
        if self.longest is None or len(text.tokens) > len(self.longest.tokens):
            self.longest = text
        return text

    def refuse(self, errors: Errors) -> None:
        """BadFile for such a column."""
        if self.longest is None or not (self.is_wide and self.has_words):
            return
        first, *more = self.longest.tokens
        if self.counts and more:
            does = "counts"
        elif self.repeats and len(more) > 1:
            does = "says the same"
        else:
            return
        told = NO_TOKENS.format(does=does, first=first, second=more[0])
        raise errors.stop(self.longest.place, told)


def _is_word(told: str) -> bool:
    return told != NO_SCORE and number_of(told) is None


def _counts(tokens: Sequence[str]) -> bool:
    """Whether each token is one more than the one before; parts of the next (`2-3`, `2.1`) as in
    CoNLL-U go by.
    """
    whole = [one for one in tokens if not PART.fullmatch(one)]
    if not whole or not all(one.isascii() and one.isdecimal() and len(one) < 10 for one in whole):
        return False
    first = int(whole[0])
    return [int(one) for one in whole] == list(range(first, first + len(whole)))


def _refuse_odd_scores(texts: Sequence[Text], errors: Errors) -> None:
    """Errors for what is no number in a column that has scores; words alone, such as parts of
    speech, are none.
    """
    if any(score is not None for one in texts for score in one.scores):
        for one in texts:
            for place, told in one.odd_scores:
                errors.add(place, f"{told!r:.100} is no score: a number, or _ for none.")


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
