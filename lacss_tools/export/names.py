"""Names of exported files, and the licence of weights when none is given; light, so that commands can show them."""

MAPS, CELLS, FACTS, RDF = "maps.onnx", "cells.onnx", "lacss.json", "rdf.yaml"
ONNX, BIOIMAGE = "onnx", "bioimageio"
HASH, ROOT_INSIDE = "weights_sha256", "root_inside"
"""facts that tell an export from that of other weights, and the graph of a bioimage.io folder from the plain one"""
WEIGHTS, README = "weights.safetensors", "README.md"
LICENCE = "CC-BY-4.0"
