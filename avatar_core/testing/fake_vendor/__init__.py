"""A fake vendor: its REST API in memory or over TCP, its accounts and its faults."""
