"""Outlining and correcting cells in the browser: one click, one cell."""
