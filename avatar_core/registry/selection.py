"""The selection of providers: from one configuration value to a chain of providers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import ConfigError
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.registry.discovery import LIVEKIT, RESERVED, VOICE, ProviderRegistry
from avatar_core.registry.validation import ProviderInfo, validate_provider
from avatar_core.settings import AvatarSettings, ProviderSettings

Item = str | ProviderSettings | AvatarProvider[Any]
"""An item of a chain: text (`name` or `name:variant`), settings of a provider, or a provider."""

_ITEM = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]*)(?::([A-Za-z0-9][A-Za-z0-9_./@-]*))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Choice:
    """One item of a chain as the user wrote it.

    Attributes:
        name: Name of the provider.
        variant: The part of the item after the colon; may be empty.
    """

    name: str
    variant: str = ""

    def __str__(self) -> str:
        return f"{self.name}:{self.variant}" if self.variant else self.name


@dataclass(frozen=True, slots=True)
class Candidate:
    """One item of a chain with its provider.

    Attributes:
        name: Name of the provider; `voice` for the agent's own voice.
        variant: The part of the item after the colon; may be empty.
        provider: The provider; None for the agent's own voice.
    """

    name: str
    variant: str
    provider: AvatarProvider[Any] | None


def parse_chain(text: str) -> tuple[Choice, ...]:
    """Parse a chain of providers from text, for example `anam:calm,local`.

    Args:
        text: Items `name` or `name:variant`, separated by commas.

    Returns:
        The items in their order.

    Raises:
        ConfigError: An item is empty or malformed, an item appears twice, or an item follows
            `voice`.
    """
    choices = tuple(_parse_item(item) for item in _split(text))
    _check_order(choices)
    return choices


def resolve(
    choice: Item | Sequence[Item] | None,
    registry: ProviderRegistry,
    settings: AvatarSettings,
) -> tuple[Candidate, ...]:
    """Create every provider of a chain, and raise errors in the configuration.

    Args:
        choice: The chain as text, one item, or a list of items. None means `settings.provider`.
        registry: The registry that finds providers by name.
        settings: The settings of avatar-core, with the value of `AVATAR_PROVIDER`.

    Returns:
        The chain in order. The last candidate is always the agent's own voice.

    Raises:
        ConfigError: The chain is empty or malformed, a provider is unknown, or a provider cannot
            work with its settings.
    """
    if choice is None:
        choice = settings.provider or ""
    items: Iterable[Item]
    if isinstance(choice, str):
        items = _split(choice) if choice.strip() else ()
    elif isinstance(choice, ProviderSettings | AvatarProvider):
        items = (choice,)
    else:
        items = choice if isinstance(choice, Iterable) else (choice,)
    named = [(_choice_of(item), item) for item in items]
    if not named:
        raise _nothing_chosen(registry)
    _check_order([chosen for chosen, _ in named])
    candidates = [
        Candidate(chosen.name, chosen.variant, _build(chosen, item, registry))
        for chosen, item in named
        if chosen.name != VOICE
    ]
    return (*candidates, Candidate(VOICE, "", None))


def _split(text: str) -> list[str]:
    items = text.split(",")
    if not all(item.strip() for item in items):
        raise ConfigError(
            f"The provider chain {text!r:.80} has an empty item.",
            hint="Separate the names with single commas, like first,second.",
            code=ErrorCode.INVALID_CHAIN,
        )
    return items


def _parse_item(item: str) -> Choice:
    text = item.strip()
    match = _ITEM.fullmatch(text)
    if not match:
        raise ConfigError(
            f"The chain item {text!r:.80} is not a valid provider name.",
            hint="Write name or name:variant, and separate the items with commas.",
            code=ErrorCode.INVALID_CHAIN,
        )
    name, variant = match.groups(default="")
    if name == VOICE and variant:
        raise ConfigError(
            f"The chain item {text!r:.80} is invalid: the agent's own voice has no variants.",
            hint="Write voice without a variant.",
            code=ErrorCode.INVALID_CHAIN,
        )
    if name == LIVEKIT and not variant:
        raise ConfigError(
            f"The chain item {text!r:.80} does not name a LiveKit plugin.",
            hint="Write livekit:plugin, with the name of the plugin.",
            code=ErrorCode.INVALID_CHAIN,
        )
    return Choice(name, variant)


def _check_order(choices: Sequence[Choice]) -> None:
    for place, choice in enumerate(choices):
        if choice in choices[:place]:
            raise ConfigError(
                f"The provider {str(choice)!r} appears twice in the chain.",
                hint="Name each provider once.",
                code=ErrorCode.INVALID_CHAIN,
            )
    names = [choice.name for choice in choices]
    if VOICE in names[:-1]:
        after = choices[names.index(VOICE) + 1]
        raise ConfigError(
            f"The chain item {str(after)!r} follows 'voice', so the session would never use it.",
            hint="Remove voice from the chain: the agent's own voice is always the last item.",
            code=ErrorCode.INVALID_CHAIN,
        )


def _choice_of(item: Item) -> Choice:
    if isinstance(item, str):
        return _parse_item(item)
    variant = ""
    if isinstance(item, AvatarProvider):
        name, _, variant = str(getattr(item, "name", "")).partition(":")
        validate_provider(type(item), ProviderInfo.of_class(name, type(item)))
    elif isinstance(item, ProviderSettings):
        name = type(item).provider
    else:
        raise ConfigError(
            f"A chain of providers cannot contain an object of type {type(item).__name__}.",
            hint="Pass provider names, provider settings or providers.",
            code=ErrorCode.INVALID_CHAIN,
        )
    if not name or (name in RESERVED and not (name == LIVEKIT and variant)):
        attribute = "name" if isinstance(item, AvatarProvider) else "provider"
        raise ConfigError(
            f"The class {type(item).__name__} does not name its provider.",
            hint=f"Set the name of the provider in the class: {attribute} = ...",
            code=ErrorCode.INVALID_PROVIDER,
        )
    return Choice(name, variant)


def _build(chosen: Choice, item: Item, registry: ProviderRegistry) -> AvatarProvider[Any]:
    if isinstance(item, AvatarProvider):
        return item
    if isinstance(item, ProviderSettings):
        return registry.create(chosen.name, item)
    return registry.create(chosen.name, variant=chosen.variant)


def _nothing_chosen(registry: ProviderRegistry) -> ConfigError:
    names = [*(name for name in registry.names() if name not in RESERVED), VOICE]
    return ConfigError(
        f"No avatar provider is chosen. Available providers: {', '.join(names)}.",
        hint=f"Set AVATAR_PROVIDER to one name, like AVATAR_PROVIDER={names[0]}, or to several "
        "names separated by commas; voice means no avatar.",
        code=ErrorCode.NOTHING_CHOSEN,
    )
