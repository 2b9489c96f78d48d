"""Verdicts and plans as text, Markdown, HTML and one printed page."""
