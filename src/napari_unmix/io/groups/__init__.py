"""Files of named arrays in groups, with attributes: HDF5, NetCDF, Zarr, and what missions and microscopes keep in them."""
