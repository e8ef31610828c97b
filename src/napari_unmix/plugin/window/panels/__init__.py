"""The five steps and the spectra."""
