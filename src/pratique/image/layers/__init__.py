"""Layers as tars (image specification, layer.md): walked from header to header, and copied as they stand."""
