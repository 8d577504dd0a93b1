"""Packs: the files of an example as one text, which is a file of this package.

Each file begins with a line that contains `MARK` and the path of the file in the example.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from importlib.resources import files

MARK = "=====> "
COMMON = "common"
"""The name of the pack with the files that all examples have."""


class Kind(StrEnum):
    """The kinds of providers. The value is the value of the option `--kind`."""

    REST = "rest"
    WEBSOCKET = "websocket"
    RENDERER = "renderer"


EXAMPLES: Mapping[Kind, tuple[str, str]] = {
    Kind.REST: ("acme", "examples/providers/acme"),
    Kind.WEBSOCKET: ("zenith", "examples/providers/zenith"),
    Kind.RENDERER: ("orb", "examples/own_provider"),
}
"""The name of the provider, and the folder in the repository, of the example of each kind."""


def read_pack(kind: Kind) -> dict[str, str]:
    """Read the files of an example.

    Args:
        kind: The kind of the provider.

    Returns:
        The contents by path, sorted by path.
    """
    folder = files(__package__)
    packed: dict[str, str] = {}
    for name in (COMMON, kind):
        packed |= unpack((folder / f"{name}.txt").read_text(encoding="utf-8"))
    return dict(sorted(packed.items()))


def pack(contents: Mapping[str, str]) -> str:
    """Put files into one text.

    Args:
        contents: The contents by path. Each content is empty or ends with a line feed.

    Returns:
        The text.

    Raises:
        ValueError: A file does not end with a line feed, or contains a line that begins with
            `MARK`.
    """
    for path, text in contents.items():
        if text and not text.endswith("\n"):
            raise ValueError(f"{path} does not end with a line feed.")
        if any(line.startswith(MARK) for line in text.splitlines()):
            raise ValueError(f"{path} contains a line that begins with {MARK!r}.")
    return "".join(f"{MARK}{path}\n{text}" for path, text in sorted(contents.items()))


def unpack(text: str) -> dict[str, str]:
    """Split a text into its files.

    Args:
        text: The result of `pack`.

    Returns:
        The contents by path.
    """
    contents: dict[str, str] = {}
    path = ""
    for line in text.splitlines(keepends=True):
        if line.startswith(MARK):
            path = line.removeprefix(MARK).strip()
            contents[path] = ""
        else:
            contents[path] += line
    return contents
