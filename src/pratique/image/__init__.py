"""Images as values: made and edited without input or output."""
