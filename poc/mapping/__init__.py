"""Computations of the map: expressions, products, look-ups, and checks of what was computed."""
