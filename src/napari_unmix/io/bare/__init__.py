"""Bare numbers with a header of text or bytes: ENVI, ESRI, ERDAS 7."""
