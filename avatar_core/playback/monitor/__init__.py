"""The monitor: listens to the avatar's own audio track, as a listener in the room hears it."""

from avatar_core.playback.monitor.monitor import Monitor

__all__ = ["Monitor"]
