"""Alerts: the open problems of a workspace, computed from what it holds now; nothing of them is stored."""
