"""Writes the generated parts of the pages from the models, the command line and the registries."""
