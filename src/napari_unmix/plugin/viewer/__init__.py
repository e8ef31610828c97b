"""What touches the viewer and its layers."""
