"""The ledger: its tables, its transactions and its questions."""
