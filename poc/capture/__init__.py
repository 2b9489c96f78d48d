"""What the monolith sends: a recording reverse proxy before a partner, and the records of what it sent for one file.

The proxy (`milepost capture`) keeps each request below `var/capture/PARTNER/`; `records` reads what belongs to one
file, from there or from a folder into which the monolith writes.
"""
