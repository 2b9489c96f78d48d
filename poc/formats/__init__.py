"""One format, one file: bytes to batches of text rows with their line numbers, and batches to bytes."""
