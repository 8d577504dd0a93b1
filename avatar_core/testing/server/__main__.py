"""`python -m avatar_core.testing.server` finds or builds a livekit-server and prints its path."""

from __future__ import annotations

import asyncio
import sys

from avatar_core.contracts.errors import ServerError
from avatar_core.testing.server.find import find_server


def main() -> None:
    """Find or build a livekit-server, and print each step and the path of the binary.

    Raises:
        SystemExit: No livekit-server was found and none could be built; the exit message says why.
        OSError: The cache folder cannot be written.
    """
    try:
        binary = asyncio.run(find_server(lambda line: print(line, flush=True)))  # noqa: T201
    except ServerError as error:
        sys.exit(str(error))
    print(f"livekit-server: {binary}")  # noqa: T201


if __name__ == "__main__":
    main()
