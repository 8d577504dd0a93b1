"""Suites of checks that the author of a provider inherits, and the levels that the checks prove."""
