"""Shipped sample data and the demo that runs the whole pipeline on it."""
