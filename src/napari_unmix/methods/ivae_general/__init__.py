"""The general iVAE."""
