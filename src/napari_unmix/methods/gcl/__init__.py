"""Generalised contrastive learning."""
