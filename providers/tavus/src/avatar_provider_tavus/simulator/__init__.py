"""A simulator of Tavus, which serves the API that a LiveKit agent needs and starts avatars."""

from avatar_core.testing import FAULTS

__all__ = ["FAULTS"]
