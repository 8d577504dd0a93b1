"""Faults as data, and wrappers that apply them to a worker, a link or a renderer."""
