"""The session and pure views of it: no Qt, no viewer."""
