"""What regions of u say of endmembers."""
