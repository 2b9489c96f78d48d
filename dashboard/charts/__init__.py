"""Charts: data and figure of each in one file; they know no request."""
