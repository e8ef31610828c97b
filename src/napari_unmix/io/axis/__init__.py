"""The spectral axis: lists of numbers, units, and what they are called."""
