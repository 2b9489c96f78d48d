"""The exchange service: what moves files and records between the company and its partners."""

import os

# Read by polars once, when it is first imported, and nowhere else to be set. With more, every small piece of work wakes
# a pool of threads: a tenth of the time of a small file. `poc.prefetch` keeps the other core busy on large ones.
os.environ.setdefault("POLARS_MAX_THREADS", "1")
