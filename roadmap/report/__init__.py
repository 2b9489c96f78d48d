"""Report verdicts and plans as text, Markdown, HTML and one printed page."""
