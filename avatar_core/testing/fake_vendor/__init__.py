"""A fake vendor for tests: its REST API in memory or over TCP, its accounts and its faults."""
