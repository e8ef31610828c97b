"""Images of many bands and their metadata: TIFF, GeoTIFF, the formats of rasterio, FITS, microscope stacks, folders of bands."""
