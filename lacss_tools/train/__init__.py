"""From an annotated project to a model and its predictions."""
