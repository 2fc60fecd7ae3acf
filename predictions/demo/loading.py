"""Puts the demo projects onto a server through its HTTP API, as an ML backend with Label Studio's
SDK would.
"""

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from predictions.demo import TITLE, news, reviews, scenes
from predictions.demo.detector import VERSIONS, Detector
from predictions.demo.scenes import HEIGHT_PX, WIDTH_PX, Box, Scene

if TYPE_CHECKING:
    import httpx
    from label_studio_sdk.client import LabelStudio

LABEL_CONFIG = """<View>
  <Image name="image" value="$image"/>
  <RectangleLabels name="digit" toName="image">
    {labels}
  </RectangleLabels>
</View>""".format(labels="\n    ".join(f'<Label value="{number}"/>' for number in range(10)))
N_SCENES = 60
N_TEXTS = 60


def load(
    base_url: str,
    api_key: str,
    *,
    n_scenes: int = N_SCENES,
    n_texts: int = N_TEXTS,
    progress: bool = True,
) -> list[int] | None:
    """Create the demo projects that the key's workspace has not, and return their ids, the digits'
    first; None when it has them all.

    A few seconds. Ground truth arrives as annotations, predictions of two model versions each: of
    digits one request each, of texts with their tasks. Then all versions are to be evaluated.
    Raises the SDK's ApiError or httpx's HTTPError; nothing half made is left on the server then.
    """
    import httpx
    from label_studio_sdk.client import LabelStudio

    texts = [news.project(n_texts), reviews.project(n_texts)]
    made: list[int] = []
    # A proxy of the environment must not stand between this machine and itself.
    with httpx.Client(trust_env=False, timeout=60) as connection:
        client = LabelStudio(base_url=base_url, api_key=api_key, httpx_client=connection)
        projects: Any = client.projects.list()
        known = {project.title for project in projects}
        texts = [one for one in texts if one.title not in known]
        has_digits = TITLE in known
        if has_digits and not texts:
            return None
        total = (not has_digits) * n_scenes * (1 + len(VERSIONS)) + n_texts * len(texts)
        models = [(one.name, one.versions) for one in texts]
        try:
            with tqdm(total=total, desc="demo", disable=not progress, leave=False) as bar:
                if not has_digits:
                    made.append(_create(client, TITLE, LABEL_CONFIG))
                    _fill(client, made[0], n_scenes, bar)
                    models.insert(0, ("digits", tuple(VERSIONS)))
                for one in texts:
                    made.append(_create(client, one.title, one.label_config))
                    client.projects.import_tasks(made[-1], request=one.tasks)
                    bar.update(n_texts)
            for project, (name, versions) in zip(made, models, strict=True):
                _evaluate(connection, base_url, api_key, project, name, versions)
        except BaseException:
            for project in made:
                client.projects.delete(project)
            raise
    return made


def _create(client: "LabelStudio", title: str, label_config: str) -> int:
    project: Any = client.projects.create(title=title, label_config=label_config)
    return int(project.id)


def _fill(client: "LabelStudio", project: int, n_scenes: int, bar: "tqdm[Any]") -> None:
    drawn = list(scenes.draw(n_scenes))
    imported: Any = client.projects.import_tasks(
        project, request=[task(scene) for scene in drawn], return_task_ids=True
    )
    bar.update(n_scenes)
    for version, training in VERSIONS.items():
        detector = Detector(training)
        for task_id, scene in zip(imported.task_ids, drawn, strict=True):
            found = detector.detect(scene.image)
            client.predictions.create(task=task_id, model_version=version, **prediction(found))
            bar.update()


def _evaluate(
    connection: "httpx.Client",
    base_url: str,
    api_key: str,
    project: int,
    name: str,
    versions: Sequence[str],
) -> None:
    """Asks for an evaluation of each version; a worker computes them when it can."""
    key = {"api_key": api_key}
    workspace = connection.post(f"{base_url}/", params=key).raise_for_status().json()["workspace"]
    for version in versions:
        connection.post(
            f"{base_url}/{workspace}/model-evals",
            params=key,
            json={
                "project": project,
                "modelVersion": version,
                "versionId": "1",
                "modelId": f"{name}/{version}",
            },
        ).raise_for_status()


def task(scene: Scene) -> Any:
    """A scene as a task to import, with what is really on it as a ground-truth annotation."""
    return {
        "data": {"image": scene.data_uri()},
        "meta": {
            "split": scene.split,
            "image_name": scene.name,
            "embedding": scene.embedding(),
        },
        "annotations": [{"result": regions(scene.truth), "ground_truth": True}],
    }


def prediction(found: Sequence[Box]) -> dict[str, Any]:
    """`result` and `score` of a prediction: the mean of its regions' scores, 0 without any."""
    return {
        "result": regions(found),
        "score": fmean(box.score or 0 for box in found) if found else 0.0,
    }


def regions(boxes: Sequence[Box]) -> list[dict[str, Any]]:
    """Boxes as Label Studio's rectangle regions: per cent of the image, with their own score."""
    return [_region(number, box) for number, box in enumerate(boxes)]


def _region(number: int, box: Box) -> dict[str, Any]:
    region: dict[str, Any] = {
        "id": f"region-{number}",
        "from_name": "digit",
        "to_name": "image",
        "type": "rectanglelabels",
        "original_width": WIDTH_PX,
        "original_height": HEIGHT_PX,
        "image_rotation": 0,
        "value": {
            "x": 100 * box.x_px / WIDTH_PX,
            "y": 100 * box.y_px / HEIGHT_PX,
            "width": 100 * box.width_px / WIDTH_PX,
            "height": 100 * box.height_px / HEIGHT_PX,
            "rotation": 0,
            "rectanglelabels": [box.label],
        },
    }
    return region if box.score is None else {**region, "score": box.score}
