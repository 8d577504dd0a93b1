"""Commands that providers bring: entry points of the group `avatar_core.commands`."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from avatar_core.registry.validation import ProviderInfo, import_fault

GROUP = "avatar_core.commands"
COMPLETION_OPTIONS = ("install_completion", "show_completion")
"""A `typer.Typer` has them by default; only the `avatar` command itself needs them."""


class WithPlugins(TyperGroup):
    """The `avatar` command: its own, and a `typer.Typer` for each entry point, when asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All names."""
        return [*super().list_commands(ctx), *sorted(entry_points(group=GROUP).names)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Ours, or what an installed distribution offers under that name."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        for point in entry_points(group=GROUP, name=cmd_name):
            return _command(point)
        return None


def _command(point: EntryPoint) -> Any:
    """The command, or one that tells why there is none: the others must go on."""
    try:
        command = typer.main.get_command(point.load())
    except (Exception, SystemExit) as error:
        fault = import_fault(ProviderInfo.of_entry_point(point), error)

        def tell() -> None:
            typer.echo(str(fault), err=True)
            raise typer.Exit(1)

        return TyperCommand(point.name, callback=tell, help=f"Unavailable: {fault.message}")
    command.name = point.name
    command.params = [it for it in command.params if it.name not in COMPLETION_OPTIONS]
    return command
