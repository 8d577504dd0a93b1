"""`python -m avatar_core.testing.server` finds a livekit-server or builds one, and says where."""

from __future__ import annotations

import asyncio
import sys

from avatar_core.contracts.errors import ServerError
from avatar_core.testing.server.find import find_server


def main() -> None:
    """Find or build, telling every step."""
    try:
        binary = asyncio.run(find_server(lambda line: print(line, flush=True)))  # noqa: T201
    except ServerError as error:
        sys.exit(str(error))
    print(f"livekit-server: {binary}")  # noqa: T201


if __name__ == "__main__":
    main()
