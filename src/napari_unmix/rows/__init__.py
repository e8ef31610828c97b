"""Mathematics on rows (N, B): NumPy only."""
