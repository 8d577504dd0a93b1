"""The bad-input matrix: `python -m tests.faults.matrix` prints what a person sees of each row."""

from __future__ import annotations

import logging

from tests.faults import cases_audio as rows_audio
from tests.faults import cases_registry as rows_registry
from tests.faults import cases_settings as rows_settings
from tests.faults import cases_wire as rows_wire

ROWS = [*rows_settings.ROWS, *rows_registry.ROWS, *rows_audio.ROWS, *rows_wire.ROWS]


def table() -> str:
    """Every row as text: its id, what is wrong, its class, code and message."""
    lines = []
    for row in ROWS:
        told = row.run()
        kind = type(told.error).__name__ if told.error is not None else "nothing is said"
        lines += [f"{row.id}  ({row.wrong}; {kind})", f"    {told.text or row.instead}"]
    return "\n".join(lines)


if __name__ == "__main__":
    logging.getLogger("livekit").setLevel(logging.CRITICAL)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    print(table())
