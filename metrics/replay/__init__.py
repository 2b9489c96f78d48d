"""Replay the flights of 2013 through subjects and measure them from outside."""
