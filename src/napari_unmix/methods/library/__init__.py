"""Unmixing with a spectral library: which of its entries are in the scene, and how much of each."""
