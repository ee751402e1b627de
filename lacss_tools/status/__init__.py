"""What of a project is done, failed and missing."""
