"""Bases for provider authors: what vendors of one kind share."""
