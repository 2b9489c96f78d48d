"""A feed's contract: a Frictionless Table Schema, its parsers, constraints and keys."""
