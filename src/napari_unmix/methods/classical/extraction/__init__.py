"""The field's algorithms for endmembers, each a module with its source, behind one interface: ``asked.Asked`` in, spectra out."""
