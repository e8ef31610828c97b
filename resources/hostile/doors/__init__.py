"""The cases of every door."""
