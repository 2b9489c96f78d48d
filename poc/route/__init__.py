"""The route of a feed from the monolith to the service: who exchanges each of its files for real."""
