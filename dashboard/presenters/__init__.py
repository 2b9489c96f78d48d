"""The values that a page shows, in words; they know no request."""
