"""VCA, then least squares."""
