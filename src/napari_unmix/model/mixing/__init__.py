"""Mixing functions: how abundances become a spectrum."""
