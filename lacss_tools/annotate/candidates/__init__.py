"""From cell images to candidate masks by graph cut, and which of them suits best."""
