"""Installed providers: discovery, selection and validation."""
