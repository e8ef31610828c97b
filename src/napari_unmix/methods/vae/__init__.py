"""The plain VAE."""
