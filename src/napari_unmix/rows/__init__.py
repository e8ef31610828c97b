"""Mathematics on rows (N, B): NumPy and SciPy."""
