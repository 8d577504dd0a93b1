"""The output of all commands: consoles that do not break lines, and exit codes."""

from __future__ import annotations

from rich.console import Console

from avatar_core.contracts.errors import AvatarError, ConfigError

FAILED, MISUSED = 1, 2
"""The exit code of a command that failed or found a fault, and the exit code for an invalid command
line or configuration."""
PIPE_WIDTH = 10_000
"""Characters in a line of output that is not a terminal. Tables use only the width of their
contents."""


def make_console(*, stderr: bool = False) -> Console:
    """Create a console that never breaks lines in a pipe or a file.

    Print messages with `soft_wrap=True`, so that a command in them can also be copied from a narrow
    terminal.

    Args:
        stderr: Whether to print to stderr.

    Returns:
        The console.
    """
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    return console


def exit_code(error: AvatarError) -> int:
    """Return the exit code for an error.

    Args:
        error: The error that ends the command.

    Returns:
        `MISUSED` for an error in the configuration, or else `FAILED`.
    """
    return MISUSED if isinstance(error, ConfigError) else FAILED
