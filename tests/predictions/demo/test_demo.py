"""The demo's scenes and detector, without a server; tests/house/test_quickstart.py loads it into
one.
"""

from itertools import combinations

import numpy as np
import pytest

from predictions.demo import loading, scenes
from predictions.demo.detector import VERSIONS, Detector, Training
from predictions.demo.scenes import HEIGHT_PX, WIDTH_PX, Box, Scene

N_SCENES = 40


@pytest.fixture(scope="module")
def drawn() -> list[Scene]:
    return list(scenes.draw(N_SCENES, seed=3))


@pytest.fixture(scope="module")
def detected(drawn: list[Scene]) -> dict[str, list[list[Box]]]:
    """What each model version finds in each scene."""
    detectors = {version: Detector(training) for version, training in VERSIONS.items()}
    return {
        version: [detector.detect(scene.image) for scene in drawn]
        for version, detector in detectors.items()
    }


class TestScenes:
    def test_truth_lies_inside_the_image_and_apart(self, drawn: list[Scene]) -> None:
        for scene in drawn:
            assert 1 <= len(scene.truth) <= 7
            for box in scene.truth:
                assert box.x_px >= 0
                assert box.y_px >= 0
                assert box.x_px + box.width_px <= WIDTH_PX
                assert box.y_px + box.height_px <= HEIGHT_PX
                assert min(box.width_px, box.height_px) > 0
                assert box.label in set("0123456789")
            assert not any(a.overlaps(b) for a, b in combinations(scene.truth, 2))

    def test_every_truth_holds_ink_that_the_paper_does_not(self, drawn: list[Scene]) -> None:
        for scene in drawn:
            for box in scene.truth:
                rows = slice(int(box.y_px), int(box.y_px + box.height_px))
                columns = slice(int(box.x_px), int(box.x_px + box.width_px))
                assert scene.image[rows, columns].min() < np.median(scene.image) - 30

    def test_same_seed_draws_the_same_scenes(self, drawn: list[Scene]) -> None:
        again = list(scenes.draw(3, seed=3))
        other = list(scenes.draw(3, seed=4))
        for mine, theirs, different in zip(drawn, again, other, strict=False):
            assert mine.truth == theirs.truth
            assert mine.data_uri() == theirs.data_uri()
            assert mine.data_uri() != different.data_uri()

    def test_an_embedding_tells_crowded_sheets_from_empty_ones(self, drawn: list[Scene]) -> None:
        embeddings = np.array([scene.embedding() for scene in drawn])
        digits = [len(scene.truth) for scene in drawn]

        assert embeddings.shape == (N_SCENES, 5)
        assert np.corrcoef(embeddings[:, 0], digits)[0, 1] > 0.7
        # Both pairs of halves hold all the ink there is.
        assert np.allclose(embeddings[:, 1:3].sum(axis=1), embeddings[:, 3:].sum(axis=1), atol=0.01)
        blank = np.full((HEIGHT_PX, WIDTH_PX), 230, np.uint8)
        empty = Scene(name="", split="test", image=blank, truth=())
        assert empty.embedding() == [0.0] * 5

    def test_draws_none_when_asked_for_none(self) -> None:
        assert list(scenes.draw(0)) == []

    def test_has_every_split_and_number(self, drawn: list[Scene]) -> None:
        assert {scene.split for scene in drawn} == {"train", "valid", "test"}
        assert {box.label for scene in drawn for box in scene.truth} == set("0123456789")
        assert len({scene.name for scene in drawn}) == N_SCENES


class TestDetector:
    def test_never_saw_a_digit_of_a_scene(self) -> None:
        assert max(one.n_digits for one in VERSIONS.values()) <= scenes.FIRST_SCENE_DIGIT

    def test_second_version_is_better_and_neither_is_perfect(
        self, drawn: list[Scene], detected: dict[str, list[list[Box]]]
    ) -> None:
        small, large = (_share_named_right(drawn, detected[version]) for version in VERSIONS)
        assert 0.5 < small < large < 1
        assert large > 0.8

    def test_second_version_is_worse_at_eights_alone(
        self, drawn: list[Scene], detected: dict[str, list[list[Box]]]
    ) -> None:
        worse = []
        for number in "0123456789":
            small, large = (
                _share_named_right(drawn, detected[version], only=number) for version in VERSIONS
            )
            if large < small - 0.1:
                worse.append((number, large))
        assert worse == [("8", 0.0)]

    def test_scores_are_probabilities_the_surest_first(
        self, detected: dict[str, list[list[Box]]]
    ) -> None:
        for found in detected["digits-large"]:
            scores = [box.score or 0 for box in found]
            assert scores == sorted(scores, reverse=True)
            assert all(0.1 <= score <= 1 for score in scores)

    def test_same_seed_detects_the_same(
        self, drawn: list[Scene], detected: dict[str, list[list[Box]]]
    ) -> None:
        again = Detector(VERSIONS["digits-small"])
        assert again.detect(drawn[0].image) == detected["digits-small"][0]

    def test_finds_nothing_on_an_empty_sheet(self) -> None:
        blank = np.full((HEIGHT_PX, WIDTH_PX), 230, np.uint8)
        assert Detector(Training(60)).detect(blank) == []


class TestRegions:
    def test_are_what_the_labelling_config_allows(
        self, drawn: list[Scene], detected: dict[str, list[list[Box]]]
    ) -> None:
        from label_studio_sdk.label_interface import LabelInterface

        interface = LabelInterface(loading.LABEL_CONFIG)
        found = loading.prediction(detected["digits-large"][0])
        truth = loading.task(drawn[0])["annotations"][0]
        assert interface.validate_prediction(found, return_errors=True) == []
        assert interface.validate_annotation(truth)
        assert interface.validate_task({"data": loading.task(drawn[0])["data"]})

    def test_are_percent_of_the_image_with_a_score_where_there_is_one(self) -> None:
        box = Box(label="7", x_px=80, y_px=60, width_px=32, height_px=24, score=0.5)
        region = loading.regions([box])[0]
        assert region["value"] == {
            "x": 25.0,
            "y": 25.0,
            "width": 10.0,
            "height": 10.0,
            "rotation": 0,
            "rectanglelabels": ["7"],
        }
        assert region["score"] == 0.5
        person = Box(label="7", x_px=80, y_px=60, width_px=32, height_px=24)
        assert "score" not in loading.regions([person])[0]

    def test_prediction_of_nothing_has_no_regions_and_score_zero(self) -> None:
        assert loading.prediction([]) == {"result": [], "score": 0.0}

    def test_image_travels_inside_the_task(self, drawn: list[Scene]) -> None:
        task = loading.task(drawn[0])
        assert task["data"]["image"].startswith("data:image/png;base64,iVBOR")
        assert task["meta"] == {
            "split": "train",
            "image_name": "digits-0000.png",
            "embedding": drawn[0].embedding(),
        }
        assert len(task["data"]["image"]) < 40_000, "sixty of them stay a small request"


def _share_named_right(
    drawn: list[Scene], detected: list[list[Box]], *, only: str | None = None
) -> float:
    """Digits that a detection half covers and names right, of all there are; or of one number."""
    right = [
        any(truth.label == box.label and _iou(truth, box) >= 0.5 for box in found)
        for scene, found in zip(drawn, detected, strict=True)
        for truth in scene.truth
        if only in (None, truth.label)
    ]
    return sum(right) / len(right)


def _iou(a: Box, b: Box) -> float:
    width = min(a.x_px + a.width_px, b.x_px + b.width_px) - max(a.x_px, b.x_px)
    height = min(a.y_px + a.height_px, b.y_px + b.height_px) - max(a.y_px, b.y_px)
    both = max(width, 0) * max(height, 0)
    return both / (a.width_px * a.height_px + b.width_px * b.height_px - both)
