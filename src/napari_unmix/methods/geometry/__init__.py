"""Endmembers from the geometry of mixing: pure-pixel picks, robust archetypes, minimum volume, region moments, and the rule that chooses."""
