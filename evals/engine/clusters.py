"""Embeddings of images as clusters and a map: what vector analysis shows.

The response says honestly how the map was made: PCA, UMAP when it is installed, or the client's own
points, which are taken as they are. Results are stored and never recomputed on read: UMAP is only
reproducible on one kind of machine. Heavy libraries are imported where they are used.
"""

import importlib.util
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evals.engine.errors import MisshapenArrays, NoEmbeddings, NonFiniteEmbeddings, RaggedEmbeddings
from evals.engine.events import Ints
from evals.engine.metrics import Scores
from predictions.regions.geometry import Floats

SEED = 42
NOISE = -1

#: Clustering space. HDBSCAN on raw embeddings is ten to forty times slower.
PCA_DIMENSIONS = 50
UMAP_DIMENSIONS = 10
UMAP_NEIGHBORS = 30
UMAP_MIN_DISTANCE = 0.05
#: Above so many images UMAP takes too long for one job: PCA takes its place.
UMAP_MOST_IMAGES = 100_000
#: Below so many it has too few neighbours to draw from.
UMAP_FEWEST_IMAGES = 50

#: scikit-learn's own default; smaller clusters shatter a map.
MIN_CLUSTER_SIZE = 5
#: The silhouette compares all pairs, so a sample stands for more images than this.
SILHOUETTE_SAMPLE = 10_000

SAMPLE_IMAGES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorAnalysis:
    """The map and the clusters of some images, in the order given."""

    #: float64 (n, 2).
    points: Floats
    #: int64 (n,), -1 for noise.
    cluster_ids: Ints
    #: How the points were made: "pca", "umap" or "client".
    method: str
    #: How the clusters were made: "hdbscan" or "client".
    clustering: str
    #: 0 when the client sent no embeddings.
    original_dimensions: int
    #: Of the space the clusters were found in.
    target_dimensions: int
    #: Share of images in no cluster, in [0, 1]; 0 without images.
    noise_ratio: float
    #: Noise is not counted.
    n_clusters: int
    #: In [-1, 1] without noise; None with fewer than two clusters.
    silhouette: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterStatistics:
    """One cluster at one confidence; means of values rounded to three decimals, as images have."""

    cluster_id: int
    n_images: int
    #: Images of each split that has any, by split name.
    splits: dict[str, int]
    f1_mean: float
    #: Of the population.
    f1_std: float
    f1_min: float
    f1_max: float
    precision_mean: float
    recall_mean: float
    #: Positions of its first images.
    samples: list[int]


def embedding_matrix(embeddings: Sequence[Sequence[float]] | npt.NDArray[np.generic]) -> Floats:
    """The embeddings as float64 (n, d), in the order given; (0, 0) for none.

    `RaggedEmbeddings` unless all have one length above 0, `NonFiniteEmbeddings` for NaN, inf and
    what single precision, in which embeddings are stored, cannot hold; both name the first such
    image by its position.
    """
    if not len(embeddings):
        return np.zeros((0, 0))
    try:
        lengths = np.array([len(row) for row in embeddings])
        matrix = np.asarray(embeddings, dtype=np.float64) if len(set(lengths)) == 1 else None
    except (TypeError, ValueError) as error:
        raise RaggedEmbeddings(str(error)) from error
    if matrix is None or matrix.ndim != 2 or not matrix.shape[1]:
        odd = int(np.argmax(lengths != lengths[0]))
        raise RaggedEmbeddings(f"image {odd} has {lengths[odd]} numbers, image 0 has {lengths[0]}")
    with np.errstate(over="ignore"):
        finite = np.isfinite(matrix.astype(np.float32)).all(axis=1)
    if not finite.all():
        raise NonFiniteEmbeddings(f"image {int(np.argmin(finite))}")
    return matrix


def analyse(
    embeddings: Sequence[Sequence[float]] | npt.NDArray[np.generic] | None,
    *,
    points: npt.ArrayLike | None = None,
    cluster_ids: npt.ArrayLike | None = None,
    min_cluster_size: int = MIN_CLUSTER_SIZE,
    min_samples: int | None = None,
) -> VectorAnalysis:
    """The map and the clusters of images; the same input gives the same on one machine.

    `points` (n, 2) and `cluster_ids` (n,) of the client replace ours; with points and no embeddings
    the clusters are found among the points. `NoEmbeddings` when there is neither.
    HDBSCAN: https://scikit-learn.org/stable/modules/generated/sklearn.cluster.HDBSCAN.html
    """
    matrix = None if embeddings is None else embedding_matrix(embeddings)
    given = None if points is None else _client_points(points)
    method = _map_method(0 if matrix is None else len(matrix))
    space = given if matrix is None else _clustering_space(matrix, method)
    flat = given if given is not None or matrix is None else _map(matrix, method)
    if space is None or flat is None:
        raise NoEmbeddings()
    ids = (
        _clusters(space, min_cluster_size, min_samples or min_cluster_size)
        if cluster_ids is None
        else np.asarray(cluster_ids, dtype=np.int64).ravel()
    )
    if not len(flat) == len(space) == len(ids):
        raise MisshapenArrays(f"{len(space)} images, {len(flat)} points, {len(ids)} cluster ids")
    return VectorAnalysis(
        points=flat,
        cluster_ids=ids,
        method=method if given is None else "client",
        clustering="hdbscan" if cluster_ids is None else "client",
        original_dimensions=0 if matrix is None else matrix.shape[1],
        target_dimensions=space.shape[1],
        noise_ratio=float((ids == NOISE).mean()) if len(ids) else 0.0,
        n_clusters=len(np.unique(ids[ids != NOISE])),
        silhouette=_silhouette(space, ids),
    )


def cluster_statistics(
    cluster_ids: Ints, splits: Sequence[str], scores: Scores
) -> list[ClusterStatistics]:
    """Statistics of each cluster at one confidence, by rising id, noise (-1) first.

    `splits` names each image's split; `scores` are the images' (n,), as `metrics.image_scores`
    rounds them. No images give no clusters. Means of rounded values: as the published example.
    """
    if not len(cluster_ids) == len(splits) == len(scores.f1):
        raise MisshapenArrays(
            f"{len(cluster_ids)} cluster ids, {len(splits)} splits, {len(scores.f1)} scores"
        )
    return [
        _statistics(int(cluster), np.flatnonzero(cluster_ids == cluster), splits, scores)
        for cluster in np.unique(cluster_ids)
    ]


def _statistics(
    cluster: int, members: Ints, splits: Sequence[str], scores: Scores
) -> ClusterStatistics:
    f1 = scores.f1[members]
    return ClusterStatistics(
        cluster_id=cluster,
        n_images=len(members),
        splits=dict(Counter(splits[i] for i in members)),
        f1_mean=float(f1.mean()),
        f1_std=float(f1.std()),
        f1_min=float(f1.min()),
        f1_max=float(f1.max()),
        precision_mean=float(scores.precision[members].mean()),
        recall_mean=float(scores.recall[members].mean()),
        samples=members[:SAMPLE_IMAGES].tolist(),
    )


def _client_points(points: npt.ArrayLike) -> Floats:
    try:
        flat = np.asarray(points, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise MisshapenArrays("points are pairs of numbers") from error
    if not flat.size:
        return np.zeros((0, 2))
    if flat.ndim != 2 or flat.shape[1] != 2 or not np.isfinite(flat).all():
        raise MisshapenArrays("points are pairs of finite numbers")
    return flat


def _map_method(n_images: int) -> str:
    installed = importlib.util.find_spec("umap") is not None
    return "umap" if installed and UMAP_FEWEST_IMAGES <= n_images <= UMAP_MOST_IMAGES else "pca"


def _clustering_space(matrix: Floats, method: str) -> Floats:
    """The embeddings in as few dimensions as HDBSCAN is quick in."""
    if method == "umap":
        return _umap(matrix, UMAP_DIMENSIONS)
    return _pca(matrix, PCA_DIMENSIONS)


def _map(matrix: Floats, method: str) -> Floats:
    """The embeddings as points, float64 (n, 2): a projection of its own."""
    flat = _umap(matrix, 2) if method == "umap" else _pca(matrix, 2)
    return np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))


def _pca(matrix: Floats, dimensions: int) -> Floats:
    """The first principal components, as many as there are; without any spread all are at 0."""
    if not len(matrix) or not np.ptp(matrix, axis=0).any():
        return np.zeros((len(matrix), 1))
    from sklearn.decomposition import PCA

    kept = min(dimensions, *matrix.shape)
    return np.asarray(PCA(kept, random_state=SEED).fit_transform(matrix), dtype=np.float64)


def _umap(matrix: Floats, dimensions: int) -> Floats:
    from umap import UMAP

    # A seed makes UMAP single-threaded; saying so spares its warning.
    reducer = UMAP(
        n_components=min(dimensions, matrix.shape[1]),
        n_neighbors=UMAP_NEIGHBORS,
        min_dist=UMAP_MIN_DISTANCE,
        random_state=SEED,
        n_jobs=1,
    )
    return np.asarray(reducer.fit_transform(matrix), dtype=np.float64)


def _clusters(space: Floats, min_cluster_size: int, min_samples: int) -> Ints:
    if len(space) < max(min_cluster_size, min_samples, 2):
        return np.full(len(space), NOISE, dtype=np.int64)
    from sklearn.cluster import HDBSCAN

    found = HDBSCAN(min_cluster_size=min_cluster_size, min_samples=min_samples, copy=True)
    return np.asarray(found.fit_predict(space), dtype=np.int64)


def _silhouette(space: Floats, ids: Ints) -> float | None:
    """The mean silhouette of a sample of the images in clusters; None without two clusters."""
    members = np.flatnonzero(ids != NOISE)
    if len(members) > SILHOUETTE_SAMPLE:
        drawn = np.random.default_rng(SEED).choice(members, SILHOUETTE_SAMPLE, replace=False)
        members = np.sort(drawn)
    if not 2 <= len(np.unique(ids[members])) < len(members):
        return None
    from sklearn import config_context
    from sklearn.metrics import silhouette_score

    # By default it takes a gigabyte for its distances, whatever the machine has.
    with config_context(working_memory=64):
        return float(silhouette_score(space[members], ids[members]))
