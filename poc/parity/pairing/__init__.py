"""Which records of two sides are equal, which form a pair, and the texts of both, in bounded memory."""
