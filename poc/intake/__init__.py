"""The intake: files that partners hand in by HTTP."""
