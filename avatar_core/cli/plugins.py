"""Commands that providers bring: entry points of the group `avatar_core.commands`."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

import typer
from typer.core import TyperGroup

GROUP = "avatar_core.commands"


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
            command = typer.main.get_command(point.load())
            command.name = cmd_name
            return command
        return None
