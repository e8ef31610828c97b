"""The classical methods: endmembers by one algorithm of the field, abundances by another."""
