"""Permutation-contrastive learning."""
