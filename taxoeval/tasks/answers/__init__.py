"""Answers of other systems: read from files, joined to the samples, resolved to taxa, and turned into probabilities."""
