"""Import a log of your own as runs."""
