"""What pages ask the store and the roadmap."""
