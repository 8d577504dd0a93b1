"""A Tavus that needs no account: its documented REST API, its quirks, and a face that joins."""
