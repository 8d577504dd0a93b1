"""The construction of a plugin's session object, from arguments or by the application."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from weakref import WeakSet

from livekit.agents import APIConnectOptions
from pydantic import SecretStr

from avatar_core.agents.bridge.adjustment import adjust
from avatar_core.agents.bridge.arguments import (
    CONNECTION,
    IDENTITY,
    NAME,
    accepts,
    read_arguments,
    secrets_of,
    variable_of,
)
from avatar_core.agents.bridge.failures import quote_error
from avatar_core.agents.bridge.plugin_class import load_plugin, try_constructor
from avatar_core.agents.bridge.plugins import (
    BITHUMAN_LOCAL,
    BITHUMAN_SECRET,
    PluginFacts,
    facts_of,
    module_name,
)
from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import ConfigError, Outcome, ProvisionError, SettingsError

Factory = Callable[[], Any]
"""A function of the application that creates a plugin's `AvatarSession`."""


class Construction(Protocol):
    """Creates the session objects of one plugin."""

    def construct(self, identity: str, name: str) -> Any:
        """Create the session object of one avatar.

        Args:
            identity: The identity of the avatar's participant.
            name: The display name of the avatar's participant.

        Returns:
            The plugin's `AvatarSession`, which has not started.

        Raises:
            Exception: The constructor of the plugin raised the exception.
        """

    @property
    def secrets(self) -> list[SecretStr]:
        """The values that an error message must not quote."""


@dataclass(frozen=True)
class FromArguments:
    """Creates session objects of a plugin from the arguments in the environment.

    Attributes:
        plugin: The name of the plugin.
        session_cls: The class `AvatarSession` of the plugin.
        arguments: The arguments by name.
    """

    plugin: str
    session_cls: type[Any]
    arguments: Mapping[str, Any] = field(repr=False)

    @classmethod
    def load(cls, plugin: str) -> FromArguments:
        """Import a plugin, read its arguments, and try its constructor.

        Args:
            plugin: The name of the plugin.

        Returns:
            The construction.

        Raises:
            ConfigError: The plugin is missing, cannot be used, or does not accept its arguments.
        """
        session_cls = load_plugin(plugin)
        made = cls(plugin, session_cls, read_arguments(plugin, session_cls))
        made.check()
        return made

    @property
    def secrets(self) -> list[SecretStr]:
        """The values that an error message must not quote."""
        return secrets_of(self.arguments)

    def check(self) -> None:
        """Check the arguments, with a session object that is not started.

        Raises:
            ConfigError: avatar-core refuses the plugin with these arguments.
            SettingsError: The constructor of the plugin raised an exception.
        """
        if module_name(self.plugin) == "bithuman":
            _refuse(self._refusal_of_bithuman(), self.plugin)
        failed = ""
        try:
            try_constructor(lambda: self.construct("avatar", "avatar"))
        except Exception as error:
            failed = f"{type(error).__name__}{quote_error(error, self.secrets)}"
        if failed:
            raise SettingsError(
                f"the plugin does not accept its settings ({failed}).",
                provider=f"livekit:{self.plugin}",
                hint=f"Set the variables of the vendor, or arguments in "
                f"{variable_of(self.plugin)}.",
                code=ErrorCode.INVALID_SETTING,
            )

    def construct(self, identity: str, name: str) -> Any:
        """Create the session object of one avatar.

        Args:
            identity: The identity of the avatar's participant.
            name: The display name of the avatar's participant.

        Returns:
            The plugin's `AvatarSession`, which has not started.

        Raises:
            Exception: The constructor of the plugin raised the exception.
        """
        ours = {
            IDENTITY: identity,
            NAME: name,
            CONNECTION: APIConnectOptions(max_retry=facts_of(self.plugin).tries),
        }
        fitting = {key: value for key, value in ours.items() if accepts(self.session_cls, key)}
        return self.session_cls(**self.arguments, **fitting)

    def _refusal_of_bithuman(self) -> PluginFacts:
        if not {"avatar_id", "avatar_image"} & {*self.arguments}:
            return BITHUMAN_LOCAL
        secret = self.arguments.get("api_secret") or os.environ.get("BITHUMAN_API_SECRET", "")
        return PluginFacts() if _is_token(str(secret)) else BITHUMAN_SECRET


@dataclass(frozen=True)
class FromFactory:
    """Creates session objects of a plugin with a function of the application.

    Attributes:
        factory: Creates a new session object at each call.
        used: The session objects that the function has returned.
    """

    factory: Factory
    used: WeakSet[Any] = field(default_factory=WeakSet, repr=False)

    @property
    def secrets(self) -> list[SecretStr]:
        """The values that an error message must not quote: those of the environment."""
        return secrets_of({})

    def construct(self, identity: str, name: str) -> Any:
        """Call the function of the application, and adjust the result.

        Args:
            identity: The identity of the avatar's participant.
            name: The display name, which the application sets itself.

        Returns:
            The plugin's `AvatarSession`, which has not started.

        Raises:
            ConfigError: avatar-core refuses the plugin.
            ProvisionError: The function returned another object, or the same object twice.
            Exception: The function raised the exception.
        """
        stock = self.factory()
        if not callable(getattr(stock, "start", None)) or not hasattr(stock, "avatar_identity"):
            raise ProvisionError(
                f"the function returned an object of type {type(stock).__name__}, which is "
                "not an AvatarSession of a plugin.",
                hint="Write avatar_core.plugin(lambda: anam.AvatarSession(...)).",
                outcome=Outcome.NOT_SENT,
            )
        if stock in self.used:
            raise ProvisionError(
                "the function returned the same object twice, and a plugin's object can be started "
                "only once.",
                hint="Create the object in the function: "
                "avatar_core.plugin(lambda: anam.AvatarSession(...)).",
                outcome=Outcome.NOT_SENT,
            )
        self.used.add(stock)
        plugin = _plugin_of(type(stock))
        facts = facts_of(plugin)
        _refuse(facts, plugin)
        adjust(stock, identity, facts.tries)
        return stock


def _refuse(facts: PluginFacts, plugin: str) -> None:
    if facts.refusal:
        raise ConfigError(
            f"avatar-core does not support this plugin: {facts.refusal}",
            provider=f"livekit:{plugin}",
            hint=facts.hint,
            code=ErrorCode.NO_BRIDGE,
        )


def _plugin_of(session_cls: type[Any]) -> str:
    """Return the name of the plugin whose package contains a class."""
    parts = session_cls.__module__.split(".")
    return parts[2] if parts[:2] == ["livekit", "plugins"] and len(parts) > 2 else ""


def _is_token(text: str) -> bool:
    """Return whether a text has the form of a JWT, which expires, and not of an API secret."""
    return text.startswith("ey") and text.count(".") == 2
