"""The name of a new provider in its spellings, and the check of the name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import ConfigError, ProviderConflictError, ProviderNotFoundError
from avatar_core.registry.discovery import RESERVED, ProviderRegistry

MOST_CHARS = 24
"""With a longer name, the generated code would have too long lines."""
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", re.ASCII)
OURS = RESERVED | {"avatar", "core"}
"""Names whose environment variables or packages would be those of avatar-core or LiveKit."""


@dataclass(frozen=True, slots=True)
class ProviderName:
    """A name, such as `acme-live`, in its spellings.

    Attributes:
        name: The name in a chain and in a distribution, such as `acme-live`.
    """

    name: str

    @classmethod
    def check(cls, text: str, registry: ProviderRegistry) -> Self:
        """Check that a new provider can have a name.

        Args:
            text: The name that the user chose.
            registry: The registry of the installed providers.

        Returns:
            The name.

        Raises:
            ConfigError: The name is not valid, or is reserved, or another provider has it.
        """
        if not NAME.fullmatch(text) or len(text) > MOST_CHARS:
            parts = re.findall(r"[a-z0-9]+", text.lower())
            similar = "-".join(parts)[:MOST_CHARS].lstrip("-0123456789").rstrip("-")
            example = similar if NAME.fullmatch(similar) else "acme"
            raise ConfigError(
                f"The provider name {text!r:.60} is invalid.",
                hint=f"Use at most {MOST_CHARS} lower-case letters, digits and single hyphens, "
                f"with a letter first: for example {example}.",
                code=ErrorCode.SCAFFOLD,
            )
        if text in OURS:
            raise ConfigError(
                f"The provider name {text!r} is reserved.",
                hint="Choose another name, for example the name of the vendor.",
                code=ErrorCode.SCAFFOLD,
            )
        if origin := _owner_of(text, registry):
            raise ConfigError(
                f"A provider named {text!r} is installed already, from {origin}.",
                hint="Choose another name. `avatar list` prints the names of all providers.",
                code=ErrorCode.SCAFFOLD,
            )
        return cls(text)

    @property
    def module(self) -> str:
        """The name as a part of a module, such as `acme_live`."""
        return self.name.replace("-", "_")

    @property
    def pascal(self) -> str:
        """The name as a part of a class, such as `AcmeLive`."""
        return "".join(word.capitalize() for word in self.name.split("-"))

    @property
    def title(self) -> str:
        """The name in a sentence, such as `Acme Live`."""
        return " ".join(word.capitalize() for word in self.name.split("-"))


def rename(text: str, old: str, new: ProviderName) -> str:
    """Replace the name of an example, in each of its spellings.

    Args:
        text: The contents or the path of a file of the example.
        old: The name of the example, one word in lower case.
        new: The name of the new provider.

    Returns:
        The text with the new name.
    """
    replacements: list[tuple[str, Callable[[re.Match[str]], str]]] = [
        (rf"(?<![A-Z]){old.upper()}(?![A-Z])", lambda _: new.module.upper()),
        (rf"(?<=[A-Za-z]){old.capitalize()}(?![a-z])", lambda _: new.pascal),
        (rf"{old.capitalize()}(?=[A-Z])", lambda _: new.pascal),
        (rf"{old.capitalize()}(?![a-z])", lambda _: new.title),
        (rf"(?<=_){old}(?![a-z])|(?<![a-z]){old}(?=_)", lambda _: new.module),
        (rf"(?<![a-z]){old}(?![a-z])", lambda _: new.name),
    ]
    pattern = "|".join(f"(?P<g{place}>{one})" for place, (one, _) in enumerate(replacements))

    def replace(match: re.Match[str]) -> str:
        """Return the new name in the spelling of a match.

        Args:
            match: The match.

        Returns:
            The new name.
        """
        place = int(str(match.lastgroup)[1:])
        return replacements[place][1](match)

    return re.sub(pattern, replace, text)


def _owner_of(name: str, registry: ProviderRegistry) -> str:
    try:
        return registry.describe(name).origin
    except ProviderNotFoundError:
        return ""
    except ProviderConflictError:
        return "several distributions"
