"""Where an image lies on a map."""
