"""Links by which people without an account read one page: made, listed, revoked, and what such a page shows."""
