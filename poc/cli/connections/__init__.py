"""Commands about places where partners put and take files, and about what they are told of these."""
