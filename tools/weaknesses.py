"""Writes docs/weaknesses.md from the scenarios in tests/weaknesses: python tools/weaknesses.py."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/weaknesses.md"
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))
if TYPE_CHECKING:
    from tests.weaknesses.weakness import Weakness

HEAD = """\
# Weaknesses of LiveKit's avatar classes

livekit-agents contains classes for avatars: `DataStreamAudioOutput` for the agent,
`DataStreamAudioReceiver`, `AvatarRunner` and `AVSynchronizer` for the worker, and the base class
`AvatarSession` for the plugins of vendors. This page lists {count} weaknesses of these classes in
livekit-agents {version}, and the behaviour of avatar-core in the same situation.

For each weakness, tests show the behaviour of livekit-agents and the behaviour of avatar-core. A
test of livekit-agents passes while the weakness exists. If a release of livekit-agents fixes a
weakness, the test fails, and its error message names the weakness. The command `python
tools/weaknesses.py` writes this page from the tests in `tests/weaknesses/`.

Most tests use no server and run in virtual time. The module `tests/weaknesses/stock_room.py`
replaces LiveKit's room for the classes of livekit-agents, and `tests/weaknesses/stock_media.py`
replaces LiveKit's audio and video sources. Some tests of avatar-core, and the tests of W4c, W42 and
W44, use a real livekit-server.

The column *class* contains the severity of a weakness:

- A: a speech that never ends, a mute agent, or messages that affect another session.
- B: wrong data, or a slow recovery.
- C: a leak, a missing feature, or an unexpected error.

## Behaviour

| number | class | weakness | livekit-agents | avatar-core |
| --- | --- | --- | --- | --- |
"""
TESTS = """
## Tests

Run one test with `.venv/bin/pytest`, followed by its name.

| number | tests of livekit-agents | tests of avatar-core |
| --- | --- | --- |
"""
LIMITS = """
## Limits of the tests

The development environment contains only the plugin of Tavus. For the following weaknesses, a test
shows only a part of the behaviour:

"""


def collect() -> list[Weakness]:
    """Return the weaknesses of all scenario modules, in the order of their numbers.

    Returns:
        The records, with the ids of their tests.
    """
    from tests.weaknesses.weakness import Weakness

    modules = [
        import_module(f"tests.weaknesses.{path.stem}")
        for path in sorted((ROOT / "tests/weaknesses").glob("test_*.py"))
    ]
    found = [
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, Weakness)
    ]
    return sorted(found, key=lambda weakness: order_of(weakness.number))


def order_of(number: str) -> tuple[int, str]:
    """Return the key by which the page sorts a number such as `W4b`.

    Args:
        number: The number of a weakness.

    Returns:
        The digits as a number, and the letter after them.

    Raises:
        ValueError: The text is not a number of a weakness.
    """
    if not (parts := re.fullmatch(r"W(\d+)([a-z]?)", number)):
        raise ValueError(f"{number!r} is not a number of a weakness.")
    return int(parts[1]), parts[2]


def read_version() -> str:
    """Return the version of livekit-agents that `constraints.txt` pins.

    Returns:
        The version.

    Raises:
        ValueError: `constraints.txt` does not pin livekit-agents.
    """
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    if not (pin := re.search(r"^livekit-agents==(\S+)", constraints, re.MULTILINE)):
        raise ValueError("constraints.txt does not pin livekit-agents.")
    return pin[1]


def render(weaknesses: Sequence[Weakness]) -> str:
    """Return the page in Markdown.

    Args:
        weaknesses: The records, in order.

    Returns:
        The text of the page.
    """
    head = HEAD.format(count=len(weaknesses), version=read_version())
    behaviour = [
        _row(one.number, one.severity, one.sentence, one.stock, one.ours) for one in weaknesses
    ]
    tests = [_row(one.number, _list(one.shown_in), _list(one.avoided_in)) for one in weaknesses]
    limits = [f"- {one.number}: {one.untested}" for one in weaknesses if one.untested]
    return (
        head
        + "\n".join(behaviour)
        + "\n"
        + TESTS
        + "\n".join(tests)
        + "\n"
        + LIMITS
        + ("\n".join(limits) + "\n")
    )


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _list(tests: Sequence[str]) -> str:
    return "<br>".join(f"`{test}`" for test in tests)


def main() -> int:
    """Write the page.

    Returns:
        0.

    Raises:
        ValueError: `constraints.txt` does not pin livekit-agents, or a number is invalid.
    """
    PAGE.write_text(render(collect()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
