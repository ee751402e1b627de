"""From images to LOIs and masks. Needs no torch."""

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
