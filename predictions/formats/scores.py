"""Scores of a file: shares of one, or per cent where the highest says so."""

from predictions.formats.errors import Errors
from predictions_api.wording import plain

#: Per cent.
MOST_SCORE = 100
#: What a share of one may come to by rounding; a file of per cent has a higher one somewhere.
MOST_SHARE = 1.01
PER_CENT = "The highest score is {highest}: the scores are taken as per cent and divided by 100."


class Scores:
    """What a file's scores are divided by, once all were seen."""

    def __init__(self) -> None:
        self.highest = 0.0

    def see(self, score: float | None, place: str, errors: Errors) -> None:
        """One detection's score; an error where there is none, or it is no score at all."""
        if score is None:
            errors.add(place, "has no score.")
        elif not 0 <= score <= MOST_SCORE:
            errors.add(place, f"{plain(score)} is no score: 0 to 1, or per cent up to 100.")
        elif score > self.highest:
            self.highest = score

    def divisor(self, warnings: list[str]) -> float:
        """1, or 100 with a warning."""
        if self.highest <= MOST_SHARE:
            return 1.0
        warnings.append(PER_CENT.format(highest=plain(self.highest)))
        return 100.0
