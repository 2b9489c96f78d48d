"""The documentation site: Markdown pages, Sphinx settings, and the program that writes the generated parts."""
