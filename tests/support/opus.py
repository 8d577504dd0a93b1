"""Opus with the settings of WebRTC for speech, from the shared library in the wheel of PyAV.

FFmpeg cannot switch DTX on, so this module calls libopus itself.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from pathlib import Path

import av
import numpy as np

from avatar_core.testing.audio.recording import Recording, Samples

RATE_HZ = 48_000
FRAME = 960
"""Samples in a packet: 20 ms."""
EMPTY_BYTES = 2
"""A packet of at most this many bytes is empty: WebRTC does not send it."""

# opus_defines.h
_OK = 0
_APPLICATION_VOIP = 2048
_SET_BITRATE, _SET_DTX, _GET_LOOKAHEAD = 4002, 4016, 4027
_MOST_BYTES = 1500


def encode(samples: Samples, kbps: int, dtx: bool = False) -> list[bytes]:
    """Encode mono sound.

    Args:
        samples: Float samples from -1 to 1 at 48 kHz.
        kbps: Bit rate in kbit/s.
        dtx: Whether the encoder makes empty packets in silence, apart from one every 0.4 s.

    Returns:
        One packet for each 20 ms.

    Raises:
        RuntimeError: libopus failed.
    """
    library, error = _load_library(), ctypes.c_int()
    padded = np.pad(samples, (0, -len(samples) % FRAME))
    pcm = np.rint(np.clip(padded, -1, 1) * 32767).astype("<i2")
    buffer = ctypes.create_string_buffer(_MOST_BYTES)
    encoder = library.opus_encoder_create(RATE_HZ, 1, _APPLICATION_VOIP, ctypes.byref(error))
    _check(error.value)
    try:
        _check(library.opus_encoder_ctl(encoder, _SET_BITRATE, ctypes.c_int(1000 * kbps)))
        _check(library.opus_encoder_ctl(encoder, _SET_DTX, ctypes.c_int(dtx)))
        packets = []
        for frame in pcm.reshape(-1, FRAME):
            size = library.opus_encode(encoder, frame.tobytes(), FRAME, buffer, _MOST_BYTES)
            _check(size)
            packets.append(buffer.raw[:size])
        return packets
    finally:
        library.opus_encoder_destroy(encoder)


def decode(packets: Iterable[bytes]) -> Samples:
    """Decode packets of `encode`.

    Args:
        packets: The packets. The decoder conceals an empty packet, as if it were lost.

    Returns:
        Float samples at 48 kHz, 20 ms for each packet. They are `lookahead()` samples late.

    Raises:
        RuntimeError: libopus failed.
    """
    library, error = _load_library(), ctypes.c_int()
    frames = []
    buffer = ctypes.create_string_buffer(2 * FRAME)
    decoder = library.opus_decoder_create(RATE_HZ, 1, ctypes.byref(error))
    _check(error.value)
    try:
        for packet in packets:
            received = packet if len(packet) > EMPTY_BYTES else None
            size = len(packet) if received else 0
            _check(library.opus_decode(decoder, received, size, buffer, FRAME, 0))
            frames.append(np.frombuffer(buffer.raw, "<i2").astype(np.float32))
    finally:
        library.opus_decoder_destroy(decoder)
    return np.concatenate(frames) / np.float32(32768)


def lookahead() -> int:
    """Return the delay of encoder and decoder together, in samples at 48 kHz.

    Returns:
        The number of samples.

    Raises:
        RuntimeError: libopus failed.
    """
    library, error, count = _load_library(), ctypes.c_int(), ctypes.c_int()
    encoder = library.opus_encoder_create(RATE_HZ, 1, _APPLICATION_VOIP, ctypes.byref(error))
    _check(error.value)
    try:
        _check(library.opus_encoder_ctl(encoder, _GET_LOOKAHEAD, ctypes.byref(count)))
        return count.value
    finally:
        library.opus_encoder_destroy(encoder)


def lose(packets: Sequence[bytes], numbers: Collection[int]) -> list[bytes]:
    """Replace packets with empty ones, which the decoder conceals.

    Args:
        packets: Packets of `encode`.
        numbers: The numbers of the lost packets, from 0.

    Returns:
        All packets in order.
    """
    lost = set(numbers)
    return [b"" if at in lost else packet for at, packet in enumerate(packets)]


def through_opus(
    recording: Recording, kbps: int, dtx: bool = False, lost: Collection[int] = ()
) -> Recording:
    """Encode and decode a recording.

    Args:
        recording: The sound.
        kbps: Bit rate in kbit/s.
        dtx: Whether the encoder makes empty packets in silence.
        lost: The numbers of the 20 ms packets that the decoder does not receive.

    Returns:
        The sound at 48 kHz, at the same times as before.

    Raises:
        RuntimeError: libopus failed.
    """
    recording = recording.at_rate(RATE_HZ)
    late = lookahead()
    packets = encode(np.pad(recording.samples, (0, late)), kbps, dtx)
    heard = decode(lose(packets, lost))
    return recording.with_samples(heard[late:][: recording.samples.size])


@cache
def _load_library() -> ctypes.CDLL:
    """Load the libopus of PyAV's wheel, or else the libopus of the system."""
    package = Path(av.__file__).parent
    folders = package.with_name("av.libs"), package / ".dylibs"  # Linux, macOS
    found = [str(path) for folder in folders for path in folder.glob("libopus*")]
    name = found[0] if found else ctypes.util.find_library("opus")
    if name is None:
        raise RuntimeError("libopus is missing; run: apt-get install libopus0")
    library = ctypes.CDLL(name)
    for create in (library.opus_encoder_create, library.opus_decoder_create):
        create.restype = ctypes.c_void_p
    pointer, number, data = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
    library.opus_encode.argtypes = [pointer, data, number, data, number]
    library.opus_decode.argtypes = [pointer, data, number, data, number, number]
    library.opus_encoder_ctl.argtypes = [pointer, number]  # and a third one that differs
    library.opus_encoder_destroy.argtypes = [pointer]
    library.opus_decoder_destroy.argtypes = [pointer]
    return library


def _check(result: int) -> None:
    """Raise for a negative result of libopus."""
    if result < _OK:
        raise RuntimeError(f"libopus failed with code {result}.")
