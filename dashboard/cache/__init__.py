"""Views of the store, and what is computed once for each."""
