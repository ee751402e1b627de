"""Names of exported files, and the licence of weights when none is given; light, so that commands can show them."""

MAPS, CELLS, FACTS, RDF = "maps.onnx", "cells.onnx", "lacss.json", "rdf.yaml"
WEIGHTS, README = "weights.safetensors", "README.md"
LICENCE = "CC-BY-4.0"
