"""The sound of a vendor that makes another voice of the speech, as the agent hears it."""

from __future__ import annotations

import numpy as np

from avatar_core.contracts.listening import LISTENING_FORMAT, AudioHandler
from avatar_core.testing.room.listening import MemoryRemoteAudio

RING_HZ = 70.0


class RingedAudio(MemoryRemoteAudio):
    """A subscription that modulates the sound, while the recording of the room keeps the words."""

    def decode(self, handler: AudioHandler | None) -> None:
        """Decode the sound, and pass it to a handler as another voice.

        Args:
            handler: Receives the frames; None stops the decoding.
        """
        if handler is None:
            super().decode(None)
            return
        receive, at = handler, 0

        def modulate(pcm: bytes) -> None:
            """Modulate one frame.

            Args:
                pcm: Audio in `LISTENING_FORMAT`, whole samples.
            """
            nonlocal at
            samples = np.frombuffer(pcm, "<i2")
            cycles = (at + np.arange(len(samples))) * RING_HZ / LISTENING_FORMAT.rate_hz
            at += len(samples)
            receive(np.rint(samples * np.cos(2 * np.pi * cycles)).astype("<i2").tobytes())

        super().decode(modulate)
