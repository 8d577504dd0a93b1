"""A Tavus without an account: what a LiveKit agent needs of its API, and a face that joins."""
