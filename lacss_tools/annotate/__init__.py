"""From images to LOIs and masks. Only the nucleus network needs torch, and loads it when it is used."""

WORKER_MODULES = (
    "lacss_tools.annotate.lois.steps",
    "lacss_tools.annotate.candidates.steps",
    "imagecodecs",
    "maxflow",
    "scipy.ndimage",
    "scipy.spatial",
    "skimage.filters",
    "tifffile",
)
"""what worker processes need at their first image"""

NETWORK_MODULES = ("lacss_tools.annotate.lois.network",)
"""and where the nucleus network finds LOIs"""
