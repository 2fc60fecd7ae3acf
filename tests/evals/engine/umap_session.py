"""Runs in an interpreter that has umap-learn: analyses six groups, then again as lists."""

import json

import numpy as np
from sklearn.metrics import adjusted_rand_score

from evals.engine.clusters import analyse

r = np.random.default_rng(1)
truth = np.repeat(np.arange(6), 40)
embeddings = r.normal(0, 6, (6, 64))[truth] + r.normal(0, 1, (len(truth), 64))
first, second = analyse(embeddings), analyse(embeddings.tolist())
clustered = first.cluster_ids >= 0
print(
    json.dumps(
        {
            "method": first.method,
            "dimensions": [first.original_dimensions, first.target_dimensions],
            "shape": first.points.shape,
            "clusters": first.n_clusters,
            "agreement": adjusted_rand_score(truth[clustered], first.cluster_ids[clustered]),
            "same": bool(
                (first.points == second.points).all()
                and (first.cluster_ids == second.cluster_ids).all()
            ),
        }
    )
)
