"""The collector: runs measured, events kept, both sides compared."""
