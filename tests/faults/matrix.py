"""The bad-input matrix; `python -m tests.faults.matrix` prints the message of each case."""

from __future__ import annotations

import logging

from tests.faults import cases_audio, cases_registry, cases_settings, cases_wire

CASES = [*cases_settings.CASES, *cases_registry.CASES, *cases_audio.CASES, *cases_wire.CASES]


def table() -> str:
    """Return every case as text: its id, fault, error class and message."""
    lines = []
    for case in CASES:
        message = case.run()
        kind = type(message.error).__name__ if message.error is not None else "no error"
        lines += [f"{case.id}  ({case.fault}; {kind})", f"    {message.text or case.consequence}"]
    return "\n".join(lines)


if __name__ == "__main__":
    logging.getLogger("livekit").setLevel(logging.CRITICAL)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    print(table())
