"""The two sides of a file: the monolith's command, and the service without sending; and what both sent."""
