"""From images to LOIs and masks. Needs no torch, but for the network that finds nuclei."""

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
NETWORK_MODULES = ("torch", "lacss_tools.annotate.lois.network")
"""what they need besides to find nuclei by the network"""
