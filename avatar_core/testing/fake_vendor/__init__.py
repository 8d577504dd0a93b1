"""A vendor's REST interface in memory, with its account and its faults."""
