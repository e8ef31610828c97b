"""The generative law of a region's pixels: frozen values and pure functions."""
