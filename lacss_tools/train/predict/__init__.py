"""Use a trained model on images of any size and number; one file per step from pixels to cells."""

from lacss_tools.train.predict.predictor import Predictor as Predictor
from lacss_tools.train.predict.predictor import load_predictor as load_predictor
from lacss_tools.train.settings import ALL_DETECTIONS as ALL_DETECTIONS
