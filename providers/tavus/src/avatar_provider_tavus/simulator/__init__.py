"""A simulator of Tavus, which serves a part of Tavus's API and starts avatars."""

from avatar_core.testing import FAULTS

__all__ = ["FAULTS"]
