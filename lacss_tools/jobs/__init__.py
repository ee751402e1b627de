"""One function over many files: in this process, in several, or on a cluster."""
