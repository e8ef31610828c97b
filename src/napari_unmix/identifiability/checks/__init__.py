"""The checks of the report."""
