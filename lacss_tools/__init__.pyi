from lacss_tools.api import Segmenter as Segmenter
from lacss_tools.api import cut_candidates as cut_candidates
from lacss_tools.api import evaluate as evaluate
from lacss_tools.api import find_lois as find_lois
from lacss_tools.api import pick_candidate as pick_candidate
from lacss_tools.api import read_images as read_images
from lacss_tools.api import sample_data as sample_data
from lacss_tools.api import train as train

__version__: str
