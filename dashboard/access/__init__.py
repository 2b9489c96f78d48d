"""Who may use the dashboard: accounts, sessions, tokens, roles, and the record of what they did."""
