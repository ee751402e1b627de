"""Pages on this machine for one person: who may ask, how they are served, what they draw with."""
