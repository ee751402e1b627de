"""What stands behind `import lacss_tools`: the commands as functions, NumPy arrays in and NumPy arrays out.

Images are (y, x), (channel, y, x), or have their channels where `channel_axis` says; any integer or floating point
type. A list of images, of any sizes, behaves as a folder of files does: the result is a list, and what a command takes
from the whole folder is taken from the whole list. What does not fit raises `lacss_tools.errors.ArgumentError`, a
`ValueError`, with one sentence that names the argument; other errors a user can act on are `LacssError`s too.
"""

from lacss_tools.api.candidates import cut_candidates, pick_candidate
from lacss_tools.api.evaluation import evaluate
from lacss_tools.api.images import read_images
from lacss_tools.api.lois import find_lois
from lacss_tools.api.samples import LabelledSamples, SampleData, sample_data
from lacss_tools.api.segmenter import Segmenter
from lacss_tools.api.training import train

__all__ = [
    "LabelledSamples",
    "SampleData",
    "Segmenter",
    "cut_candidates",
    "evaluate",
    "find_lois",
    "pick_candidate",
    "read_images",
    "sample_data",
    "train",
]
