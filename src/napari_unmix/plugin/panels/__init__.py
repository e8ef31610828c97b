"""The five steps of the dock and the spectra below. A panel shows the session and calls verbs."""
