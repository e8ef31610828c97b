"""The β-VAE."""
