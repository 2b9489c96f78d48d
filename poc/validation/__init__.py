"""Validation of a workspace: mistakes in its files, what they name and is not there, and places that do not answer."""
