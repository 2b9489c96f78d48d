"""Layouts of samples by format: where in a file the columns are."""
