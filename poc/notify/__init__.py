"""Notifications: tell people when an alert begins and when it ends, and what a day brought."""
