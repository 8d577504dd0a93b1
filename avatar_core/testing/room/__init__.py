"""A room in memory: participants, tracks, streams and workers."""
