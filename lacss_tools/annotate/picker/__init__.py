"""The page on which a person picks one candidate per image."""
