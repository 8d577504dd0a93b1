"""A vendor that sells avatar sessions, without an account: its books, its faults, its REST API."""
