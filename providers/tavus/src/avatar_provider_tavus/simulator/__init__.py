"""A simulator of Tavus: the part of its API that a LiveKit agent needs, and avatars that join."""

from avatar_core.testing import FAULTS

__all__ = ["FAULTS"]
