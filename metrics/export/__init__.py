"""Export the store: tables, OpenMetrics, and its data dictionary."""
