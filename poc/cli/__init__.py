"""The commands of the exchange service."""
