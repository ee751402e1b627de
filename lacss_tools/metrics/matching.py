"""Which detection found which true cell: greedy by score (as COCO and the paper), or the best pairing of all."""

import numpy as np
from jaxtyping import Float, Integer
from scipy.sparse import csr_array

NOBODY = -1
"""in place of the index of a partner"""


def match(iou: csr_array, scores: Float[np.ndarray, " n"], threshold: float) -> Integer[np.ndarray, " n"]:
    """Return the index of the true cell that each detection found, or -1 for a false detection.

    By falling score (equal scores in their order) each takes its best free true cell with IoU >= threshold > 0 (the
    first of equals); every true cell is taken once. Among cells that do not overlap and thresholds from 0.5 on a
    detection has one candidate, so that every rule of matching gives the same counts.
    """
    partners = np.full(len(scores), NOBODY, dtype=np.int64)
    free = [True] * iou.shape[1]
    columns, values, starts = iou.indices.tolist(), iou.data.tolist(), iou.indptr.tolist()
    for k in np.argsort(-scores, kind="stable").tolist():
        best, found = threshold, NOBODY
        for at in range(starts[k], starts[k + 1]):
            if free[columns[at]] and (values[at] > best or (found == NOBODY and values[at] == best)):
                best, found = values[at], columns[at]
        if found != NOBODY:
            partners[k], free[found] = found, False
    return partners


def best_pairs(iou: csr_array) -> Integer[np.ndarray, " n"]:
    """Return the one-to-one pairing with the highest sum of IoU: the partner of each detection, or -1.

    Cells that touch no common neighbour cannot influence each other, so each connected group is solved by itself.
    """
    from scipy.optimize import linear_sum_assignment
    from scipy.sparse import block_array
    from scipy.sparse.csgraph import connected_components

    n, m = iou.shape
    partners = np.full(n, NOBODY, dtype=np.int64)
    if not iou.nnz:
        return partners
    graph = block_array([[csr_array((n, n)), iou], [iou.T, csr_array((m, m))]], format="csr")
    _, group = connected_components(graph, directed=False)
    order = np.argsort(group, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        ours, theirs = members[members < n], members[members >= n] - n
        if len(ours) and len(theirs):
            small = iou[ours][:, theirs].toarray()
            rows, columns = linear_sum_assignment(small, maximize=True)
            real = small[rows, columns] > 0
            partners[ours[rows[real]]] = theirs[columns[real]]
    return partners
