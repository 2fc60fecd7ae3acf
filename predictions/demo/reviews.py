"""Stars of reviews: short reviews that a seeded generator writes, and two small raters.

`stars-words` counts good and bad words; `stars-negation` also sees what stands after a "not". Their
mistakes are their own.
"""

import random
import re
from typing import Any

from predictions.demo import REVIEWS_TITLE
from predictions.demo.texts import TextProject, task

LABEL_CONFIG = """<View>
  <Text name="review" value="$review"/>
  <Rating name="stars" toName="review" maxRating="5"/>
</View>"""
VERSIONS = ("stars-words", "stars-negation")
#: What is said, and how much better or worse it makes the review.
SENTENCES = {
    "The sound is great.": 1,
    "The battery is good.": 1,
    "The case feels solid.": 1,
    "It is not bad at all.": 1,
    "I would not send it back.": 1,
    "It arrived on a Tuesday.": 0,
    "It comes in grey.": 0,
    "The screen is dull.": -1,
    "The buttons are not good.": -1,
    "It is not worth the money.": -1,
    "The cable broke.": -1,
    "Great, it broke again.": -1,
    "The manual is bad.": -1,
}
GOOD = frozenset({"great", "good", "solid", "worth"})
BAD = frozenset({"dull", "broke", "bad", "back"})
MIDDLE, MOST = 3, 5


def project(n_texts: int, *, seed: int = 0) -> TextProject:
    """The project; its texts are the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311  # texts, no secrets
    tasks = []
    for number in range(n_texts):
        said = chance.sample(list(SENTENCES), chance.randint(2, 4))
        text = " ".join(said)
        stars = _stars(sum(SENTENCES[sentence] for sentence in said))
        tasks.append(
            task(
                number,
                {"review": text},
                name="review",
                truth=[_region(stars)],
                said={
                    "stars-words": [rated(text, sees_negation=False)],
                    "stars-negation": [rated(text, sees_negation=True)],
                },
            )
        )
    return TextProject(REVIEWS_TITLE, LABEL_CONFIG, "reviews", VERSIONS, tasks)


def rated(text: str, *, sees_negation: bool) -> dict[str, Any]:
    """Stars by the words of a review; the more words speak for them, the surer."""
    balance, n_heard = 0, 0
    for sentence in text.split("."):
        words = re.findall("[a-z]+", sentence.lower())
        turned = -1 if sees_negation and "not" in words else 1
        for word in words:
            sign = (word in GOOD) - (word in BAD)
            balance += turned * sign
            n_heard += sign != 0
    return _region(_stars(balance), round(n_heard / (n_heard + 1), 4))


def _stars(balance: int) -> int:
    return min(max(MIDDLE + balance, 1), MOST)


def _region(stars: int, score: float | None = None) -> dict[str, Any]:
    region = {
        "id": "stars",
        "from_name": "stars",
        "to_name": "review",
        "type": "rating",
        "value": {"rating": stars},
    }
    return region if score is None else {**region, "score": score}
