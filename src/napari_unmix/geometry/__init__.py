"""Endmembers as the corners of the data."""
