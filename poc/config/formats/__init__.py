"""Settings of the formats that need more than a dialect: where in a file the fields of a row are."""
