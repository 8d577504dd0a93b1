"""`avatar list`: the installed providers, where they come from, and whether they can be used."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from avatar_core.contracts.errors import (
    ApiVersionError,
    AvatarError,
    ProviderConflictError,
    ProviderNotFoundError,
)
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.tasks import format_trace


@dataclass(frozen=True, slots=True)
class Row:
    """A provider by name.

    Attributes:
        name: What selects it.
        distribution, version: What is installed; of a duplicate, of each.
        state: `found` where it was not imported; `ready`, `wrong api` or `broken` where it
            was; `duplicate` where more than one distribution offers the name, or it is reserved.
        error: Why it cannot be used, with its next step.
        trace: The traceback of the error's cause, without the values that it may quote.
    """

    name: str
    distribution: str
    version: str
    state: str
    error: str = ""
    trace: str = ""


def rows(registry: ProviderRegistry, *, load: bool) -> list[Row]:
    """Every name on offer.

    Args:
        registry: Where they are looked up.
        load: Import them too.
    """
    return [_row(name, registry, load=load) for name in registry.names()]


def run(*, load: bool, as_json: bool, verbose: bool = False) -> int:
    """Print them; the exit code is 1 if one cannot be used.

    Args:
        load: Import them too.
        as_json: Print JSON, which always holds the tracebacks.
        verbose: Print the traceback below each error that has one.
    """
    found = rows(ProviderRegistry(), load=load)
    console = Console(highlight=False)
    if as_json:
        print(json.dumps([asdict(row) for row in found], indent=2))
    elif not found:
        console.print("No provider is installed. Try: pip install avatar-provider-local")
    else:
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
