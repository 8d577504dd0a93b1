"""Sets of altered sounds, with the exact position of the original sound at each time.

A set is one voice with one alteration. All sounds are encoded and decoded with Opus, as on the
track of an avatar.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from avatar_core.testing.audio import alterations, delays, recording
from avatar_core.testing.audio.alterations import (
    add_music,
    alter_voice,
    apply_gain,
    control_gain,
    fade_edges,
    resample,
)
from avatar_core.testing.audio.delays import (
    choose_packets,
    delay,
    drift,
    lose_packets,
    precede,
    stall,
)
from avatar_core.testing.audio.recording import Recording, Seconds, TimeMap
from tests.support import opus, voices
from tests.support.opus import through_opus
from tests.support.voices import speak

PUSHED_HZ = 24_000
HEARD_HZ = 8_000
STALLS_EVERY_S = 4.0

Alteration = Callable[[Recording], Recording]


@dataclass(frozen=True, slots=True)
class AlteredSound:
    """A speech, and how a listener hears it.

    Attributes:
        name: The voice and the alteration: "english, drift +1 %".
        pushed: The speech, mono int16 PCM at 24 kHz.
        heard: The sound that arrives, mono int16 PCM at 8 kHz. Its first sample is heard at the
            same time as the first sample of `pushed` is pushed.
        maps: Maps from the time in `heard` to the position in `pushed`, the last one first.
    """

    name: str
    pushed: bytes
    heard: bytes
    maps: tuple[TimeMap, ...]

    def position_at(self, time_s: float) -> float:
        """Return the position in `pushed` that is heard at a time.

        Args:
            time_s: The time in `heard`, in seconds.

        Returns:
            The position in seconds, exact to 1 ms. The position stays where it is while `heard`
            contains nothing of `pushed`.
        """
        return float(self.positions_at(np.array([time_s]))[0])

    def positions_at(self, times_s: Seconds) -> Seconds:
        """Return the positions in `pushed` that are heard at given times.

        Args:
            times_s: The times in `heard`, in seconds.

        Returns:
            A position in seconds for each time.
        """
        for time_map in self.maps:
            times_s = time_map.at(times_s)
        return times_s


def _stall_often(sound: Recording, recover: bool = True) -> Recording:
    starts_s = np.arange(STALLS_EVERY_S, sound.duration_s, STALLS_EVERY_S)
    return stall(sound, starts_s.tolist(), 0.2, recover)


def _repeat_some(sound: Recording) -> Recording:
    return lose_packets(sound, choose_packets(sound.duration_s, 0.05))


def _greet(sound: Recording) -> Recording:
    greeting = Recording.from_pcm(voices.greet(2.0), voices.RATE_HZ)
    return precede(sound, greeting.at_rate(sound.rate_hz).samples)


def _alter_much(sound: Recording) -> Recording:
    sound = control_gain(resample(fade_edges(sound), 16_000, 48_000))
    return delay(_stall_often(drift(add_music(sound), 1.01)), 1.0)


def _lose_and_conceal(sound: Recording) -> Recording:
    return through_opus(sound, 48, lost=choose_packets(sound.duration_s, 0.05))


_BEFORE_OPUS: Mapping[str, Alteration] = {
    "gain -20 dB": lambda sound: apply_gain(sound, -20),
    "gain +12 dB, clipped": lambda sound: apply_gain(sound, 12),
    "automatic gain": lambda sound: control_gain(apply_gain(sound, -10)),
    "resampled to 16 and 48 kHz": lambda sound: resample(sound, 16_000, 48_000),
    "delay 0.1 s": lambda sound: delay(sound, 0.1),
    "delay 1 s": lambda sound: delay(sound, 1.0),
    "delay 3 s": lambda sound: delay(sound, 3.0),
    "delay 5 s": lambda sound: delay(sound, 5.0),
    "drift +1 %": lambda sound: drift(sound, 1.01),
    "drift -1 %": lambda sound: drift(sound, 0.99),
    "music at -20 dB": lambda sound: add_music(sound, -20),
    "short fades": fade_edges,
    "greeting before": _greet,
    "another voice": alter_voice,
}
_AFTER_OPUS: Mapping[str, Alteration] = {
    "5 % of the packets repeated": _repeat_some,
    "stalls of 200 ms": _stall_often,
    "stalls of 200 ms, later each time": lambda sound: _stall_often(sound, recover=False),
}


def _at_48(before: Alteration | None, after: Alteration | None) -> Alteration:
    def alter_and_encode(sound: Recording) -> Recording:
        heard = through_opus(before(sound) if before else sound, 48)
        return after(heard) if after else heard

    return alter_and_encode


ALTERATIONS: Mapping[str, Alteration] = {
    "Opus at 16 kbit/s": lambda sound: through_opus(sound, 16),
    "Opus at 16 kbit/s with DTX": lambda sound: through_opus(sound, 16, dtx=True),
    "Opus at 48 kbit/s": lambda sound: through_opus(sound, 48),
    "Opus at 48 kbit/s with DTX": lambda sound: through_opus(sound, 48, dtx=True),
    **{name: _at_48(before, None) for name, before in _BEFORE_OPUS.items()},
    **{name: _at_48(None, after) for name, after in _AFTER_OPUS.items()},
    "5 % of the packets lost": _lose_and_conceal,
    "many alterations": lambda sound: through_opus(_alter_much(sound), 16, dtx=True),
}
"""Each alteration by name. Sounds without "16 kbit/s" in their names, apart from
"many alterations", have 48 kbit/s."""
WITHOUT_WAVEFORM = "another voice"
"""The alteration that leaves no waveform to align."""


def altered_sounds(
    duration_s: float,
    voice_names: Sequence[str] = voices.VOICES,
    alteration_names: Sequence[str] = tuple(ALTERATIONS),
    seed: int = 0,
    folder: Path | None = None,
) -> Iterator[AlteredSound]:
    """Yield each voice with each alteration, one at a time.

    Args:
        duration_s: The length of the speech of each sound in seconds.
        voice_names: Names from `VOICES`.
        alteration_names: Names from `ALTERATIONS`.
        seed: The seed of the speech.
        folder: The folder of the cache; None uses a folder of the user for temporary files.

    Yields:
        The sounds, from the cache if the code that makes them is the same as before.

    Raises:
        FileNotFoundError: A voice is not installed on this machine.
    """
    for voice in voice_names:
        for alteration in alteration_names:
            path = _cache_path(folder or _default_folder(), voice, alteration, duration_s, seed)
            if not path.exists():
                _store(path, alter(voice, alteration, duration_s, seed))
            yield _load(path)


def alter(voice: str, alteration: str, duration_s: float, seed: int = 0) -> AlteredSound:
    """Make one altered sound, without the cache.

    Args:
        voice: One of `VOICES`.
        alteration: A name from `ALTERATIONS`.
        duration_s: The length of the speech in seconds.
        seed: The seed of the speech.

    Returns:
        The sound.

    Raises:
        FileNotFoundError: The voice is not installed on this machine.
    """
    pushed = speak(voice, duration_s, seed)
    heard = ALTERATIONS[alteration](Recording.from_pcm(pushed, PUSHED_HZ))
    return AlteredSound(
        f"{voice}, {alteration}", pushed, heard.to_pcm(HEARD_HZ), tuple(reversed(heard.maps))
    )


def _default_folder() -> Path:
    return Path(tempfile.gettempdir()) / f"avatar-core-sounds-{os.getuid()}"


@cache
def _source_hash() -> str:
    modules = (alterations, delays, recording, opus, voices)
    files = [Path(__file__), *(Path(str(module.__file__)) for module in modules)]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def _cache_path(folder: Path, voice: str, alteration: str, duration_s: float, seed: int) -> Path:
    name = f"{voice} {alteration} {duration_s} {seed}".replace("/", "-")
    return folder / _source_hash() / f"{name}.npz"


def _store(path: Path, sound: AlteredSound) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {f"map {at}": [m.times_s, m.positions_s] for at, m in enumerate(sound.maps)}
    partial = path.with_suffix(f".{os.getpid()}.tmp")
    with partial.open("wb") as file:
        pcm = {key: np.frombuffer(getattr(sound, key), "<i2") for key in ("pushed", "heard")}
        np.savez(file, name=sound.name, **pcm, **arrays)
    partial.replace(path)


def _load(path: Path) -> AlteredSound:
    with np.load(path) as arrays:
        maps = [TimeMap(*arrays[key]) for key in arrays.files if key.startswith("map ")]
        pushed, heard = arrays["pushed"].tobytes(), arrays["heard"].tobytes()
        return AlteredSound(str(arrays["name"]), pushed, heard, tuple(maps))
