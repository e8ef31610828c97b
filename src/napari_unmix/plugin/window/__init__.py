"""The docks and their panels."""
