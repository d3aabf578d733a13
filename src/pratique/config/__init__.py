"""Files that other tools have written, as values; one file a format."""
