"""The engine: selection, leases, supervision and playback truth. Pure; in virtual time."""
