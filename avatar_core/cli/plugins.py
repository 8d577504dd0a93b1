"""Subcommands that other packages add, by entry points of the group `avatar_core.commands`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from avatar_core.cli.output import FAILED, exit_code
from avatar_core.registry.validation import ProviderInfo, import_fault

GROUP = "avatar_core.commands"
COMPLETION_OPTIONS = ("install_completion", "show_completion")
"""Options that each `typer.Typer` has by default. Only the command `avatar` itself needs them."""


class WithPlugins(TyperGroup):
    """The command group `avatar`, with its own subcommands and those of the entry points.

    An entry point refers to a `typer.Typer`, which the group imports when the user runs the
    subcommand.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all subcommands.

        Args:
            ctx: The click context.

        Returns:
            The group's own names, then the names of the entry points.
        """
        return [*super().list_commands(ctx), *sorted(entry_points(group=GROUP).names)]

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **options: Any,
    ) -> Any:
        """Run a command, and print errors of the command line as plain text.

        Typer prints errors in a box that breaks lines at the width of the terminal or at 80
        characters, so that a user cannot copy a command from the box.

        Args:
            args: The arguments of the command line; None for those of the process.
            prog_name: Name of the program; None for that of the process.
            complete_var: Name of the variable that requests completions.
            standalone_mode: Whether to exit at the end, and to print errors.
            windows_expand_args: Whether to expand wildcards on Windows.
            options: The arguments of the click context.

        Returns:
            The result of the command, if `standalone_mode` is False.

        Raises:
            SystemExit: The command has ended, and `standalone_mode` is True.
            Exception: Any exception of the command.
        """
        try:
            code = super().main(
                args, prog_name, complete_var, False, windows_expand_args, **options
            )
            if not standalone_mode:
                return code
        except typer.Abort:
            if not standalone_mode:
                raise
            typer.echo("Aborted.", err=True)
            sys.exit(FAILED)
        except Exception as error:
            show = getattr(error, "show", None)  # click's errors, of which typer has its own copy
            if show is None or not standalone_mode:
                raise
            show()
            sys.exit(getattr(error, "exit_code", FAILED))
        sys.exit(code if isinstance(code, int) else 0)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a subcommand.

        Args:
            ctx: The click context.
            cmd_name: The name of the subcommand.

        Returns:
            The group's own command of this name, or else the command of an entry point. None if no
            such command exists. If the import of a command fails, the method returns a command that
            prints the reason.
        """
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        for point in entry_points(group=GROUP, name=cmd_name):
            return _command(point)
        return None


def _command(point: EntryPoint) -> Any:
    """Return the command of an entry point.

    If the import fails, the function returns a command that prints the reason, so that all other
    commands still work.
    """
    try:
        command = typer.main.get_command(point.load())
    except (Exception, SystemExit) as error:
        fault = import_fault(ProviderInfo.of_entry_point(point), error)

        def tell() -> None:
            """Print the reason why the command cannot be used.

            Raises:
                typer.Exit: Always, with the exit code of an error in the configuration.
            """
            typer.echo(str(fault), err=True)
            raise typer.Exit(exit_code(fault))

        return TyperCommand(point.name, callback=tell, help=f"Unavailable: {fault.message}")
    command.name = point.name
    command.params = [it for it in command.params if it.name not in COMPLETION_OPTIONS]
    return command
