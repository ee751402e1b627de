"""Picking one candidate per image: the journal of decisions, and the page that asks for them."""
