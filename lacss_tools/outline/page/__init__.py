"""The page of `lacss outline`: what it asks and what it is answered."""
