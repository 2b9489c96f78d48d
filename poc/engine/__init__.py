"""The engine of one machine: turns of feeds in lanes side by side, and which feed goes before which."""
