"""The control commands of a plugin: calls of its public async methods."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from avatar_core.agents.bridge.failures import quote_error
from avatar_core.agents.bridge.plugin_class import commands_of
from avatar_core.agents.bridge.run import PluginRun
from avatar_core.contracts.errors import AvatarError, RoomError, UnsupportedCommandError
from avatar_core.tasks import describe_error


async def send_command(
    run: PluginRun | None,
    command: Mapping[str, Any],
    provider: str,
    secrets: Sequence[SecretStr],
) -> None:
    """Call a public async method of a plugin's session object.

    Args:
        run: The run of the plugin; None if this process did not start the session.
        command: The name of the method under the key `name`, and its arguments.
        provider: The name of the provider.
        secrets: The values that an error message must not quote.

    Raises:
        UnsupportedCommandError: The plugin has no such method, or not with these arguments.
        RoomError: The method raised an exception.
        AvatarError: The method raised another error of avatar-core.
    """
    name = str(command.get("name"))
    known = commands_of(type(run.stock)) if run is not None else frozenset[str]()
    if run is None or name not in known:
        raise UnsupportedCommandError(
            f"the plugin has no command {name!r}.",
            provider=provider,
            hint=f"Use one of its commands: {', '.join(sorted(known)) or 'none'}.",
        )
    method = getattr(run.stock, name)
    arguments = {key: value for key, value in command.items() if key != "name"}
    try:
        inspect.signature(method).bind(**arguments)
    except TypeError:
        raise UnsupportedCommandError(
            f"the command {name!r} of the plugin does not have these arguments.",
            provider=provider,
            hint=f"Its arguments are {inspect.signature(method)}.",
        ) from None
    failure = ""
    try:
        await run.call(method, arguments)
    except AvatarError:
        raise
    except Exception as error:
        failure = f"{describe_error(error)}{quote_error(error, secrets)}"
    if failure:
        raise RoomError(f"the command {name!r} of the plugin failed: {failure}.")
