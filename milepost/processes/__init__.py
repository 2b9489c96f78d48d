"""Background jobs, and the processes that run them: all in `serve`, or apart in `work`, `watch` and `schedule`."""
