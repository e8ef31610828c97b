"""Nonlinear independent component analysis of rows with side information u: a plain problem without a cube, its latents real numbers."""
