"""Measurements of avatar-core, which are not published."""
