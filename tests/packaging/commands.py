"""Runs of the command `avatar` in an environment that holds only wheels."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from tests.packaging.environment import CleanEnvironment

COMMAND_S = 60.0
NEW_FOLDER = "new-{installed}"
COMMANDS = {
    "--version": ("--version",),
    "--help": ("--help",),
    "list": ("list",),
    "list --load": ("list", "--load", "--json"),
    "doctor": ("doctor", "--json"),
    "explain": ("explain", "AV302"),
    "new": ("new", "provider", "acme", "--into", NEW_FOLDER),
}
ALONE, WITH_MOCK = "avatar-core", "avatar-core and avatar-provider-mock"


Ended = subprocess.CompletedProcess[str]
Runs = Mapping[tuple[str, str], Ended]
"""The commands, by the installed wheels and the name of the command."""


def run_commands(environment: CleanEnvironment, installed: str, **settings: str) -> Runs:
    """Run each command once.

    Args:
        environment: Where avatar-core is installed.
        installed: What else is, for the keys of the result.
        settings: Environment variables.
    """
    return {
        (installed, name): _avatar(
            environment,
            *(it.format(installed=installed.replace(" ", "-")) for it in arguments),
            **settings,
        )
        for name, arguments in COMMANDS.items()
    }


def _avatar(environment: CleanEnvironment, *arguments: str, **settings: str) -> Ended:
    """Run `avatar` to its end."""
    settings = {"AVATAR_LEDGER": str(environment.home / "ledger"), "COLUMNS": "200", **settings}
    return subprocess.run(
        [environment.bin("avatar"), *arguments],
        cwd=environment.home,
        env=environment.variables(**settings),
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )
