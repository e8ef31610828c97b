"""Methods that learn from telling apart: regions by their pixels' abundances."""
