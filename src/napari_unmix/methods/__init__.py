"""Methods of unmixing, each found by the registry of specs."""
