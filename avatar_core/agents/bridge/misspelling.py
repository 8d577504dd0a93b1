"""Misspelt names of the variables with the arguments of plugins."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection

from avatar_core.agents.bridge.installed import list_installed
from avatar_core.agents.bridge.plugins import known_plugins
from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import SettingsError
from avatar_core.settings.base import ALIKE, NO_SUCH_SETTING

PREFIX = "AVATAR_LIVEKIT_"
"""The prefix of the variables with the arguments of plugins. No other program uses it."""
ALIKE_PLUGINS = 0.6
"""The ratio of `difflib` from which the rest of a name after `PREFIX` is similar to a plugin. It is
below `ALIKE`, because the names are short: two letters of BEY in the wrong order have 0.67."""


def refuse_misspellings(plugin: str, variable: str, parameters: Collection[str]) -> None:
    """Refuse variables that are similar to the variable of a plugin, since nothing reads them.

    Args:
        plugin: The name of the plugin.
        variable: The variable with the arguments of the plugin.
        parameters: The arguments that a user can set, by the plugin's own names.

    Raises:
        SettingsError: A similar variable is set. The message quotes no value.
    """
    candidates = [name for name, value in os.environ.items() if value and _is_near(name, variable)]
    if not candidates:
        return
    plugins = {*known_plugins(), *(one.name for one in list_installed())}
    known = {variable, *(f"{PREFIX}{one.upper()}" for one in plugins)}
    faults = [
        f"{name}: {NO_SUCH_SETTING}. Did you mean {variable}?"
        for name in candidates
        if name.upper() == variable or _is_misspelt(name.upper(), variable, known, parameters)
    ]
    if faults:
        raise SettingsError(
            "; ".join(faults),
            provider=f"livekit:{plugin}",
            hint=f"Write all arguments of the plugin into {variable}, as a JSON object.",
            code=ErrorCode.UNKNOWN_SETTING,
        )


def _is_near(name: str, variable: str) -> bool:
    """Return whether a name may be misspelt; this is a fast check before the exact one."""
    if name == variable:
        return False
    upper = name.upper()
    return upper.startswith(PREFIX) or bool(
        difflib.get_close_matches(upper, [variable], n=1, cutoff=ALIKE)
    )


def _is_misspelt(
    name: str, variable: str, known: Collection[str], parameters: Collection[str]
) -> bool:
    """Return whether a name stands for a variable, and for no variable of another plugin."""
    if name in known:
        return False
    if not name.startswith(PREFIX):
        return difflib.get_close_matches(name, known, n=1, cutoff=ALIKE) == [variable]
    if longer := [one for one in known if name.startswith(f"{one}_")]:
        rest = name.removeprefix(variable)
        return max(longer, key=len) == variable and _is_argument(rest, parameters)
    if completions := [one for one in known if one.startswith(f"{name}_")]:
        return completions == [variable]
    rests = [one.removeprefix(PREFIX) for one in known]
    close = difflib.get_close_matches(name.removeprefix(PREFIX), rests, n=1, cutoff=ALIKE_PLUGINS)
    return close == [variable.removeprefix(PREFIX)]


def _is_argument(rest: str, parameters: Collection[str]) -> bool:
    """Return whether the end of a name is an argument of the plugin, as other programs write it.

    Users and tools keep other values under a longer name, such as the path of a file under
    `AVATAR_LIVEKIT_ANAM_FILE`. Such a name is not misspelt.
    """
    if rest.startswith("__"):
        return True
    return bool(difflib.get_close_matches(rest.strip("_").lower(), parameters, n=1, cutoff=ALIKE))
