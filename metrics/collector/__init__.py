"""Take run events from the spool into the store."""
