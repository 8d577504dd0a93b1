"""Fault scenarios, and wrappers that apply a scenario to a worker, a room link or a renderer."""
