"""Metrics, reports and the eval command."""
