"""The checks of the identifiability report (placeholder until written)."""
