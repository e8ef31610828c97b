"""SISAL, then least squares."""
