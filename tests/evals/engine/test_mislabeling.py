"""Confident learning's score: bounds, thresholds, and a definition written down a second time."""

from hypothesis import given
from hypothesis import strategies as st

from evals.engine.mislabeling import Claim, mislabeling_scores

claims = st.lists(
    st.builds(
        Claim,
        image=st.integers(0, 4),
        label=st.integers(0, 2),
        score=st.floats(0, 1),
        is_right=st.booleans(),
    ),
    max_size=40,
)


def test_thresholds_are_means_of_right_claims() -> None:
    right = [Claim(0, 0, 0.5, True), Claim(1, 0, 1.0, True)]
    wrong = [Claim(1, 0, 0.75, False), Claim(2, 0, 0.74, False), Claim(3, 1, 1.0, False)]
    scores = mislabeling_scores([*wrong, *right], n_images=4, n_classes=2)
    assert scores.tolist() == [0.0, 0.75, 0.0, 0.0]


def test_no_claims_prove_nothing() -> None:
    assert mislabeling_scores([], n_images=2, n_classes=1).tolist() == [0.0, 0.0]


@given(claims)
def test_scores_are_the_surest_contradictions(some: list[Claim]) -> None:
    scores = mislabeling_scores(some, n_images=5, n_classes=3)

    for image in range(5):
        believed = [0.0]
        for claim in some:
            right = [c.score for c in some if c.is_right and c.label == claim.label]
            is_wrong = claim.image == image and not claim.is_right
            if is_wrong and right and claim.score >= sum(right) / len(right):
                believed.append(claim.score)
        assert scores[image] == max(believed)
        assert 0 <= scores[image] <= 1
