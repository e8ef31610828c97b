"""Laws of the abundances in a region."""
