"""The identifiable VAE."""
