"""A practice partner: a real HTTP server that injects faults by a plan."""
