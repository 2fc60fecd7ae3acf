import sys
import types

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, silhouette_score

from evals.engine import clusters
from evals.engine.clusters import analyse, cluster_statistics, embedding_matrix
from evals.engine.errors import MisshapenArrays, NoEmbeddings, NonFiniteEmbeddings, RaggedEmbeddings
from evals.engine.events import Counts
from evals.engine.metrics import Scores, image_scores

N_GROUPS = 6


@pytest.fixture(scope="module")
def groups():
    """Six Gaussian groups of 40 in 64 dimensions, and which group each row is of."""
    r = np.random.default_rng(1)
    truth = np.repeat(np.arange(N_GROUPS), 40)
    centres = r.normal(0, 6, (N_GROUPS, 64))
    return centres[truth] + r.normal(0, 1, (len(truth), 64)), truth


@pytest.fixture
def without_umap(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


@pytest.fixture
def with_fake_umap(monkeypatch):
    """A umap-learn whose reducer keeps the first columns and records what it was asked."""
    asked = []

    class Reducer:
        def __init__(self, **options):
            asked.append(options)

        def fit_transform(self, matrix):
            return matrix[:, : asked[-1]["n_components"]]

    module = types.ModuleType("umap")
    module.UMAP = Reducer
    monkeypatch.setitem(sys.modules, "umap", module)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "umap" or None)
    return asked


def test_finds_the_groups(groups, without_umap):
    embeddings, truth = groups
    found = analyse(embeddings)
    assert (found.method, found.clustering) == ("pca", "hdbscan")
    assert (found.original_dimensions, found.target_dimensions) == (64, 50)
    assert found.n_clusters == N_GROUPS
    in_cluster = found.cluster_ids >= 0
    assert adjusted_rand_score(truth[in_cluster], found.cluster_ids[in_cluster]) == 1
    assert found.noise_ratio == pytest.approx(1 - in_cluster.mean(), abs=1e-15)
    assert found.points.shape == (240, 2)


def test_points_are_the_two_widest_directions(groups, without_umap):
    embeddings, _ = groups
    centred = embeddings - embeddings.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    expected = centred @ directions[:2].T
    assert np.allclose(np.abs(analyse(embeddings).points), np.abs(expected), atol=1e-8)


def test_silhouette_is_that_of_the_clustering_space(groups, without_umap, monkeypatch):
    embeddings, truth = groups
    found = analyse(embeddings, cluster_ids=np.where(truth == 0, -1, truth))
    space = PCA(50, random_state=42).fit_transform(embeddings)[truth > 0]
    assert found.silhouette == pytest.approx(silhouette_score(space, truth[truth > 0]), abs=1e-9)
    monkeypatch.setattr(clusters, "SILHOUETTE_SAMPLE", 60)
    sampled = analyse(embeddings, cluster_ids=truth).silhouette
    assert sampled == pytest.approx(found.silhouette, abs=0.1)
    assert sampled != found.silhouette


def test_the_same_twice(groups, without_umap):
    first, second = analyse(groups[0]), analyse(groups[0])
    assert np.array_equal(first.points, second.points)
    assert np.array_equal(first.cluster_ids, second.cluster_ids)
    assert first.silhouette == second.silhouette


def test_umap_is_used_and_named_when_installed(groups, with_fake_umap):
    found = analyse(groups[0])
    assert (found.method, found.target_dimensions) == ("umap", 10)
    assert np.array_equal(found.points, groups[0][:, :2])
    space, flat = with_fake_umap
    assert space == {**flat, "n_components": 10}
    assert flat == {
        "n_components": 2,
        "n_neighbors": 30,
        "min_dist": 0.05,
        "random_state": 42,
        "n_jobs": 1,
    }


def test_umap_is_left_out_for_few_and_for_very_many_images(groups, with_fake_umap, monkeypatch):
    assert analyse(groups[0][:20]).method == "pca"
    monkeypatch.setattr(clusters, "UMAP_MOST_IMAGES", 100)
    assert analyse(groups[0]).method == "pca"
    assert with_fake_umap == []


def test_the_client_s_points_and_clusters_are_taken_as_they_are(groups, without_umap):
    embeddings, truth = groups
    points = np.random.default_rng(2).random((240, 2))
    ids = np.where(truth < 2, -1, truth)
    found = analyse(embeddings, points=points, cluster_ids=ids)
    assert (found.method, found.clustering) == ("client", "client")
    assert np.array_equal(found.points, points)
    assert np.array_equal(found.cluster_ids, ids)
    assert found.n_clusters == 4
    assert found.noise_ratio == 80 / 240


def test_points_alone_are_clustered(groups, without_umap):
    _, truth = groups
    spread = np.random.default_rng(3).normal(0, 1, (240, 2))
    points = spread + np.stack([truth * 100, truth], axis=1)
    found = analyse(None, points=points)
    assert (found.method, found.clustering, found.original_dimensions) == ("client", "hdbscan", 0)
    in_cluster = found.cluster_ids >= 0
    assert found.n_clusters == N_GROUPS
    assert adjusted_rand_score(truth[in_cluster], found.cluster_ids[in_cluster]) == 1


@pytest.mark.parametrize("n", [0, 1, 2, 4])
def test_few_images_are_all_noise(n, without_umap):
    found = analyse(np.eye(4)[:n])
    assert found.cluster_ids.tolist() == [-1] * n
    assert found.points.shape == (n, 2)
    assert np.isfinite(found.points).all()
    assert (found.n_clusters, found.silhouette) == (0, None)
    assert found.noise_ratio == (1 if n else 0)


def test_equal_and_one_dimensional_embeddings_have_a_map(without_umap):
    equal = analyse(np.ones((20, 3)))
    assert np.allclose(equal.points, 0)
    line = analyse([[float(i)] for i in range(20)])
    assert line.points.shape == (20, 2)
    assert (line.points[:, 1] == 0).all()


@pytest.mark.parametrize(
    ("embeddings", "error", "fragment"),
    [
        ([[1, 2], [1]], RaggedEmbeddings, "image 1 has 1 numbers, image 0 has 2"),
        ([[], []], RaggedEmbeddings, "image 0 has 0 numbers"),
        ([1.0, 2.0], RaggedEmbeddings, "float"),
        ([["a", "b"]], RaggedEmbeddings, "could not convert"),
        ([[[1.0]]], RaggedEmbeddings, "image 0"),
        ([[1, 2], [1, float("nan")]], NonFiniteEmbeddings, "image 1"),
        ([[1, float("inf")], [1, 2]], NonFiniteEmbeddings, "image 0"),
        ([[1, 2], [1e39, 2]], NonFiniteEmbeddings, "image 1"),
        (None, NoEmbeddings, "2-D points"),
    ],
)
def test_broken_embeddings_are_named(embeddings, error, fragment):
    with pytest.raises(error, match=fragment):
        analyse(embeddings)


@pytest.mark.parametrize(
    "given",
    [
        {"points": [[1, 2, 3]] * 5},
        {"points": [[1, 2]] * 4},
        {"points": [[1, float("nan")]] * 5},
        {"points": [[1], [1, 2]]},
        {"cluster_ids": [0, 1]},
    ],
)
def test_misshapen_client_values_are_refused(given, without_umap):
    with pytest.raises(MisshapenArrays):
        analyse(np.eye(5), **given)


def test_no_embeddings_are_an_empty_matrix():
    assert embedding_matrix([]).shape == (0, 0)


def test_statistics_of_each_cluster():
    scores = Scores(
        precision=np.array([1.0, 0.5, 0.25, 0.0]),
        recall=np.array([1.0, 1.0, 0.5, 0.0]),
        f1=np.array([1.0, 0.667, 0.333, 0.0]),
    )
    ids = np.array([2, 2, 2, -1])
    noise, cluster = cluster_statistics(ids, ["test", "train", "test", "valid"], scores)
    assert (noise.cluster_id, noise.n_images, noise.splits) == (-1, 1, {"valid": 1})
    assert (noise.f1_mean, noise.f1_std, noise.samples) == (0, 0, [3])
    assert (cluster.cluster_id, cluster.n_images) == (2, 3)
    assert cluster.splits == {"test": 2, "train": 1}
    assert cluster.f1_mean == pytest.approx(2 / 3, abs=1e-12)
    variance = ((1 - 2 / 3) ** 2 + (0.667 - 2 / 3) ** 2 + (0.333 - 2 / 3) ** 2) / 3
    assert cluster.f1_std == pytest.approx(variance**0.5, abs=1e-12)
    assert (cluster.f1_min, cluster.f1_max) == (0.333, 1.0)
    assert cluster.precision_mean == pytest.approx(1.75 / 3)
    assert cluster.recall_mean == pytest.approx(2.5 / 3)
    assert cluster.samples == [0, 1, 2]


def test_statistics_are_means_of_rounded_values():
    # One of three found: recall 0.333, f1 0.5. Published means are whole thousandths times n.
    one = Counts(np.array([1, 1, 1]), np.array([1, 1, 1]), np.array([3, 3, 7]))
    (cluster,) = cluster_statistics(np.zeros(3, int), ["test"] * 3, image_scores(one))
    assert cluster.recall_mean == pytest.approx((0.333 + 0.333 + 0.143) / 3, abs=1e-12)


def test_statistics_of_nothing_and_of_misshapen_arrays():
    nothing = Scores(np.zeros(0), np.zeros(0), np.zeros(0))
    assert cluster_statistics(np.zeros(0, int), [], nothing) == []
    with pytest.raises(MisshapenArrays, match="1 splits"):
        cluster_statistics(np.zeros(2, int), ["test"], nothing)
