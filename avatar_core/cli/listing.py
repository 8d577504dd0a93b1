"""The command `avatar list`: prints the installed providers and whether they can be used."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.metadata import version

from rich.markup import escape
from rich.table import Table

from avatar_core.agents.bridge.installed import InstalledPlugin, list_installed
from avatar_core.agents.bridge.plugins import facts_of
from avatar_core.cli.output import make_console
from avatar_core.contracts.errors import (
    ApiVersionError,
    AvatarError,
    ProviderConflictError,
    ProviderNotFoundError,
)
from avatar_core.registry.discovery import LIVEKIT, VOICE, ProviderRegistry
from avatar_core.tasks import format_trace


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the list: a provider and its state.

    Attributes:
        name: Name of the provider in a chain.
        distribution: Name of the installed distribution; empty for a duplicate.
        version: Version of the distribution; empty for a duplicate.
        state: `bridge` for an avatar plugin of LiveKit, and `refused` for a plugin that avatar-core
            does not support; neither is imported. `found` if the provider was not imported.
            `ready`, `wrong api` or `broken` after the import. `duplicate` if several distributions
            have a provider with this name, or if the name is reserved.
        error: The reason why the provider cannot be used, with the next step; may be empty.
        trace: The traceback of the error's cause, without the values of variables; may be empty.
    """

    name: str
    distribution: str
    version: str
    state: str
    error: str = ""
    trace: str = ""


def rows(registry: ProviderRegistry, *, load: bool) -> list[Row]:
    """List all installed providers.

    Args:
        registry: The registry of providers.
        load: Whether to import each provider, to find import errors.

    Returns:
        A row for each provider, sorted by name, a row for each installed avatar plugin of LiveKit,
        and a row for the agent's own voice.
    """
    voice = Row(VOICE, "avatar-core", version("avatar-core"), "ready")
    own = (_row(name, registry, load=load) for name in registry.names())
    return [*own, *map(_plugin_row, list_installed()), voice]


def run(*, load: bool, as_json: bool, verbose: bool = False) -> int:
    """Print the installed providers.

    Args:
        load: Whether to import each provider, to find import errors.
        as_json: Whether to print JSON, which always contains the tracebacks.
        verbose: Whether to print the tracebacks of the errors too.

    Returns:
        The exit code: 1 if a provider cannot be used, or else 0.
    """
    found = rows(ProviderRegistry(), load=load)
    console = make_console()
    if as_json:
        print(json.dumps([asdict(row) for row in found], indent=2))
    else:
        if len(found) == 1:
            console.print("No provider is installed. Try: pip install avatar-provider-local")
        table = Table("name", "distribution", "version", "state")
        for row in found:
            table.add_row(row.name, row.distribution, row.version, row.state)
        console.print(table)
        for row in found:
            if row.error:
                console.print(f"[red]{escape(row.error)}[/]", soft_wrap=True)
            if verbose and row.trace:
                console.print(escape(row.trace), soft_wrap=True)
    return int(any(row.error for row in found))


def _plugin_row(plugin: InstalledPlugin) -> Row:
    facts = facts_of(plugin.name)
    return Row(
        f"{LIVEKIT}:{plugin.name}",
        plugin.distribution,
        plugin.version,
        "refused" if facts.refusal else "bridge",
    )


def _row(name: str, registry: ProviderRegistry, *, load: bool) -> Row:
    try:
        info = registry.describe(name)
    except (ProviderConflictError, ProviderNotFoundError) as error:
        return Row(name, "", "", "duplicate", str(error))
    state, fault, trace = "found", "", ""
    if load:
        try:
            registry.load(name)
            state = "ready"
        except ApiVersionError as error:
            state, fault = "wrong api", str(error)
        except AvatarError as error:
            state, fault = "broken", str(error)
            trace = format_trace(error.__cause__) if error.__cause__ is not None else ""
    return Row(name, info.distribution, info.version, state, fault, trace)
