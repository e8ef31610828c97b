"""What the judge estimates again."""
