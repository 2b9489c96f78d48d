"""Forecast whether and when targets are proven, and what a proof takes."""
