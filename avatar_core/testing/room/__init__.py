"""A LiveKit room in memory for tests: participants, tracks, byte streams and workers."""
