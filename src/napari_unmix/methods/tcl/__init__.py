"""Time-contrastive learning."""
