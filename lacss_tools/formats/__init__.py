"""One file per format that is not ours."""
