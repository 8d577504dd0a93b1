"""A Tavus without an account: what a LiveKit agent needs of its API, and a face that joins."""

from avatar_core.testing import FAULTS

__all__ = ["FAULTS"]
