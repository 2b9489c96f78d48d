"""Record evaluations, decisions and spending in the store, and read them back."""
