"""The plot of spectra, its legend, the bars beside it, and what is taken along of them."""
