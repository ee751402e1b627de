"""LOIs against true cells by distance."""

import numpy as np
from jaxtyping import Float

from lacss_tools.arrays import Points

DISTANCES = (2.0, 5.0, 10.0, 15.0, 20.0)
"""pixels"""


def close_pairs(points: Points, truth: Float[np.ndarray, "true 2"], distance: float) -> int:
    """Return how many points can be paired one to one with true locations at most `distance` pixels away.

    Precision is this number over the points, recall over the true locations.

    >>> close_pairs(np.array([[0.0, 0.0], [0.0, 1.0]]), np.array([[0.0, 2.0]]), 2.0)
    1
    """
    from scipy.sparse.csgraph import maximum_bipartite_matching
    from scipy.spatial import KDTree

    if not len(points) or not len(truth):
        return 0
    # a tiny margin, because the tree compares squares of rounded numbers
    margin = distance * (1 + 1e-12)
    near = KDTree(points).sparse_distance_matrix(KDTree(truth), margin, output_type="coo_matrix")
    near.data[:] = 1  # a distance of 0 must not vanish from the sparse matrix
    return int((maximum_bipartite_matching(near.tocsr(), perm_type="column") >= 0).sum())
