"""Trained models for other runtimes: ONNX graphs and bioimage.io folders."""
