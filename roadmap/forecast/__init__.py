"""Project measured series to their due date."""
