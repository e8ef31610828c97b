"""Contrast between painted regions."""
