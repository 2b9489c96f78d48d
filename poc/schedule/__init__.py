"""Hours of feeds: due moments, expectations and their ticks, and sending hours."""
