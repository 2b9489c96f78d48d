"""The digest of the milestones by mail: what has changed since the last one, sent at least once."""
