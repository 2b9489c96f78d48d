"""Pure statistics on numbers; no database."""
