"""Files of a few named arrays: NumPy and MATLAB."""
