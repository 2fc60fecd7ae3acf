"""Images by what they look like: clusters of their embeddings, and how each cluster fares."""

from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
from msgspec import UNSET, Meta, UnsetType

from evals.db.blocks import blocks
from evals.db.panels import Kind, panel, required_panel
from evals.db.writes import NewPanel
from evals.documents.document import OpenDocument
from evals.documents.names import SPLITS
from evals.documents.refusals import ReportNotFound
from evals.documents.scores import Number
from evals.engine.clusters import (
    MIN_CLUSTER_SIZE,
    ClusterStatistics,
    VectorAnalysis,
    cluster_statistics,
)
from evals.engine.events import N_BINS, image_counts_by_confidence
from evals.engine.metrics import Scores, image_scores
from evals.models import ModelEval
from evals.panels.counted import Counted
from evals.panels.panel import Panel, stored
from evals.panels.query import Asked, ConfidenceQuery

MISSING = (
    "The evaluated tasks carry no embeddings. Send them as meta.embedding, a list of numbers,"
    " then run the evaluation again."
)
NOT_IMPORTED = "The imported file has no clustering."
#: Names inside are those of the clustering library.
PARAMETERS = {
    "min_cluster_size": MIN_CLUSTER_SIZE,
    "min_samples": MIN_CLUSTER_SIZE,
    "cluster_selection_method": "eom",
    "metric": "euclidean",
}
UMAP_NEIGHBORS, UMAP_MIN_DISTANCE = 30, 0.05


class Cluster(OpenDocument):
    """A cluster of images at one confidence; -1 is noise."""

    id: int
    num_images: int | UnsetType = UNSET
    split_distribution: Annotated[
        dict[str, int] | UnsetType, Meta(description="Images by split, where it has any.")
    ] = UNSET
    metrics: Annotated[
        dict[str, float | None] | UnsetType,
        Meta(description="f1Mean, f1Std, f1Min, f1Max, precisionMean, recallMean of its images."),
    ] = UNSET
    sample_images: Annotated[
        list[str] | UnsetType, Meta(description="Names of its first images.")
    ] = UNSET


class Clustering(OpenDocument):
    """How the images were clustered."""

    method: str | UnsetType = UNSET
    n_clusters: Annotated[int | UnsetType, Meta(description="Noise not counted.")] = UNSET
    metrics: Annotated[
        dict[str, Any] | UnsetType, Meta(description="noiseRatio, silhouetteScore.")
    ] = UNSET
    parameters: dict[str, Any] | UnsetType = UNSET
    processing_time_seconds: Number = UNSET


class Preprocessing(OpenDocument):
    """How embeddings became points."""

    method: str | UnsetType = UNSET
    original_dimensions: int | UnsetType = UNSET
    target_dimensions: int | UnsetType = UNSET
    n_neighbors: int | UnsetType = UNSET
    min_distance: Number = UNSET


class VectorAnalysisDocument(OpenDocument):
    """How the map and the clusters were made, and each cluster at one confidence."""

    clustering: Clustering | UnsetType = UNSET
    preprocessing: Preprocessing | UnsetType = UNSET
    clusters: list[Cluster] | UnsetType = UNSET


def missing(evaluation: ModelEval) -> str:
    """Why the evaluation has no analysis, and what to do; empty where it has one. One statement."""
    has_one = panel(evaluation, Kind.CLUSTERING) is not None
    return "" if has_one else _without(evaluation)


def _without(evaluation: ModelEval) -> str:
    return NOT_IMPORTED if evaluation.origin == ModelEval.Origin.IMPORTED else MISSING


def read(evaluation: ModelEval, asked: Asked) -> bytes:
    """The stored analysis with the clusters at one percent; of an import as it came.

    ReportNotFound for an import at another confidence than its canonical one.
    """
    body = required_panel(evaluation, Kind.CLUSTERING, _without(evaluation))
    confidence = asked["confidence"]
    if evaluation.origin == ModelEval.Origin.IMPORTED:
        if confidence not in {None, evaluation.confidence}:
            raise ReportNotFound(
                "The file has the numbers of its clusters at one confidence alone, taken for "
                f"{evaluation.confidence}."
            )
        return body
    if confidence is None:
        confidence = evaluation.confidence
    clusters = panel(evaluation, Kind.CLUSTERS, confidence=confidence)
    return b'%b,"clusters":%b}' % (body[:-1], clusters or b"[]")


def build(counted: Counted) -> Iterator[NewPanel]:
    """The analysis, and the clusters at every percent; nothing without embeddings."""
    embedded = counted.embedded
    if embedded is None:
        return
    yield stored(Kind.CLUSTERING, _analysis(embedded.analysis, embedded.seconds))
    thousandths = _image_thousandths(counted.evaluation, embedded.positions)
    for confidence in range(N_BINS):
        scores = Scores(*(column[confidence] / 1000 for column in thousandths))
        statistics = cluster_statistics(embedded.analysis.cluster_ids, embedded.splits, scores)
        clusters = [_cluster(one, embedded.names) for one in statistics]
        yield stored(Kind.CLUSTERS, clusters, confidence=confidence)


def _analysis(analysis: VectorAnalysis, seconds: float) -> VectorAnalysisDocument:
    is_umap = analysis.method == "umap"
    return VectorAnalysisDocument(
        clustering=Clustering(
            method=analysis.clustering,
            n_clusters=analysis.n_clusters,
            metrics={
                "noiseRatio": analysis.noise_ratio,
                "silhouetteScore": analysis.silhouette,
            },
            parameters=PARAMETERS,
            processing_time_seconds=seconds,
        ),
        preprocessing=Preprocessing(
            method=analysis.method,
            original_dimensions=analysis.original_dimensions,
            target_dimensions=analysis.target_dimensions,
            n_neighbors=UMAP_NEIGHBORS if is_umap else UNSET,
            min_distance=UMAP_MIN_DISTANCE if is_umap else UNSET,
        ),
    )


def _cluster(one: ClusterStatistics, names: list[str]) -> Cluster:
    return Cluster(
        id=one.cluster_id,
        num_images=one.n_images,
        split_distribution={name: one.splits[name] for name in SPLITS if one.splits.get(name)},
        metrics={
            "f1Mean": one.f1_mean,
            "f1Std": one.f1_std,
            "f1Min": one.f1_min,
            "f1Max": one.f1_max,
            "precisionMean": one.precision_mean,
            "recallMean": one.recall_mean,
        },
        sample_images=[names[at] for at in one.samples],
    )


def _image_thousandths(evaluation: ModelEval, positions: list[int]) -> list[Any]:
    """Precision, recall and F1 of the images at every percent, int16 (101, n) each: they have three
    decimals, and a hundred thousand images must fit.
    """
    columns: list[list[Any]] = [[], [], []]
    wanted = np.asarray(positions)
    for block in blocks(evaluation):
        counts = image_counts_by_confidence(
            block.events, n_images=len(block.ids), n_classes=len(evaluation.classes)
        )
        scores = image_scores(counts)
        chosen = np.isin(block.positions, wanted)
        for column, values in zip(
            columns, (scores.precision, scores.recall, scores.f1), strict=True
        ):
            column.append(np.rint(values[:, chosen] * 1000).astype(np.int16))
    return [np.concatenate(column, axis=1) for column in columns]


PANEL = Panel(
    path="vector-analysis",
    operation_id="get_vector_analysis",
    summary="Clusters of images, and how each fares",
    document=VectorAnalysisDocument,
    query=ConfidenceQuery,
    read=read,
    build=build,
    imported_as=("clustering", Kind.CLUSTERING),
)
