"""The commands by which a service is watched and kept."""
