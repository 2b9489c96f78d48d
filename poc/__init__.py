"""The exchange service: what moves files and records between the company and its partners."""
