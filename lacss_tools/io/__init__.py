"""Files and folders: what a project holds, the formats of its own, and what microscopes write."""
