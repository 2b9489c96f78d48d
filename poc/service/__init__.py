"""Exchange one file, run a workspace, and speak the line protocol."""
