"""An audio meter for long conversations, which measures one turn after another."""

from __future__ import annotations

from tests.livekit.live_audio_meter import LiveAudioMeter


class TurnMeter(LiveAudioMeter):
    """A live audio meter that a test can empty, so that each turn may use every word once."""

    def restart(self) -> None:
        """Forget all audio, at a time at which the listener hears silence."""
        self._timelines.clear()
        self.partly_heard.clear()

    async def wait_for_sound(self) -> None:
        """Return as soon as a track carries sound."""
        while not self.sounds():
            await self._updated.wait()
