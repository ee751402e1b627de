"""Binary minimum cut of an image into cell area and background (paper, Methods; solver: PyMaxflow)."""

import numpy as np

from lacss_tools.arrays import Masks, Plane

EDGE = 1e-4


def cut(q: Plane, thresholds: list[float], smoothness: float, neighbours: int = 8) -> Masks:
    """Return one mask per threshold (ascending), nested: each lies inside the one before it.

    With q the normalised intensity in (0, 1) and t the threshold the energy is, per pixel,
        cell: -ln q - ln(1 - t),   background: -ln(1 - q) - ln t,
    plus `smoothness` (nats) per pair of different neighbours (4 or 8). Without smoothness a pixel is cell exactly when
    q > t; q is clipped to [1e-4, 1 - 1e-4]. Only the difference of the two terms matters, logit(q) - logit(t), so one
    graph serves all thresholds: from one to the next every pixel's terminal edge changes by the same amount.
    """
    import maxflow

    q = np.clip(q.astype(np.float64), EDGE, 1 - EDGE)
    evidence = np.log(q) - np.log1p(-q)
    steps = [float(np.log(t) - np.log1p(-t)) for t in thresholds]
    if smoothness == 0:
        return np.stack([evidence > step for step in steps])
    graph = maxflow.GraphFloat(q.size, q.size * neighbours // 2)
    nodes = graph.add_grid_nodes(q.shape)
    graph.add_grid_edges(nodes, smoothness, structure=_structure(neighbours), symmetric=True)
    masks = np.zeros((len(steps), *q.shape), dtype=bool)
    current = evidence - steps[0]
    graph.add_grid_tedges(nodes, np.maximum(current, 0), np.maximum(-current, 0))
    for k, step in enumerate(steps):
        if k:
            # terminal capacities add up; moving weight from the cell to the background terminal shifts all by the same
            graph.add_grid_tedges(nodes, np.zeros_like(q), np.full_like(q, step - steps[k - 1]))
            graph.mark_grid_nodes(nodes)
        graph.maxflow(reuse_trees=k > 0)
        masks[k] = ~graph.get_grid_segments(nodes)
    # equal-energy ties may be broken differently from one solve to the next; the smaller solution is then also optimal
    return np.logical_and.accumulate(masks, axis=0)


def _structure(neighbours: int) -> np.ndarray:
    """Return the half of the neighbourhood that symmetric edges complete."""
    diagonal = 1 if neighbours == 8 else 0
    return np.array([[0, 0, 0], [0, 0, 1], [diagonal, 1, diagonal]])
