"""Settings, read from arguments first and the environment second."""

from __future__ import annotations

import difflib
import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import (
    AliasChoices,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableError

from avatar_core.contracts.errors import ConfigError, SettingsError

OURS = "AVATAR_"
"""Variables that begin so are nobody else's: one that is nearly right is a mistake."""
ALIKE = 0.9


def validate_key(key: SecretStr) -> SecretStr:
    """A vendor's key, if it can go into a header.

    Raises:
        ValueError: It cannot; the message holds nothing of it.
    """
    text = key.get_secret_value()
    if not text:
        raise ValueError("must not be empty")
    if any(not "!" <= letter <= "~" for letter in text):
        raise ValueError("has white space, a line break or a letter outside ASCII in it")
    return key


class Settings(BaseSettings):
    """Base of all settings: an empty variable counts as unset, an unknown name is an error."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    @classmethod
    def load(cls, **values: Any) -> Self:
        """Read the settings.

        Raises:
            SettingsError: One message that names each setting and variable at fault, and
                never a value: a misplaced key must not reach a log.
        """
        misspelt = cls._misspelt()
        faults = [
            f"{wrong}: there is no such setting. Did you mean {right}?"
            for wrong, right in misspelt.items()
            if right.startswith(OURS)
        ]
        missing = False
        try:
            loaded = cls(**values)
        except ValidationError as error:
            found = error.errors(include_input=False, include_url=False)
            faults += [cls._said(fault, misspelt) for fault in found]
            missing = all(fault["type"] == "missing" for fault in found)
        except UnreadableError as error:
            field = re.search(r'field "(\w+)"', str(error))
            faults.append(f"{cls.variable_of(field[1]) if field else cls.__name__}: must be JSON")
        if not faults:
            return loaded
        text = "; ".join(faults)
        raise SettingsError(
            text if text.endswith("?") else f"{text}.",
            hint="Set it in the environment or pass it in code."
            if missing
            else "Correct it where it is set, in the environment or in code.",
        )

    @classmethod
    def _said(cls, fault: Mapping[str, Any], misspelt: Mapping[str, str]) -> str:
        """A fault that pydantic found, as one clause."""
        name = cls.variable_of(str(fault["loc"][0])) if fault["loc"] else cls.__name__
        cause = fault.get("ctx", {}).get("error")
        if fault["type"] == "missing":
            nearly = [wrong for wrong, right in misspelt.items() if right == name]
            what = f"is not set (there is {nearly[0]})" if nearly else "is not set"
        elif fault["type"] == "extra_forbidden":
            close = difflib.get_close_matches(name, cls.model_fields, n=1)
            meant = f". Did you mean {close[0]}?" if close else ""
            what = f"there is no such setting{meant}"
        elif isinstance(cause, ConfigError):
            what = f"{cause.message} {cause.hint}".strip().removesuffix(".")
        else:
            said = str(fault["msg"]).removeprefix("Value error, ")
            what = said.replace("Input should be", "must be").partition(", unable to")[0]
        return f"{name}: {what}"

    @classmethod
    def _misspelt(cls) -> dict[str, str]:
        """Variables in the environment that are nearly ours, and what they are nearly."""
        known = [
            name.upper()
            for field in cls.model_fields
            for name in (cls.variable_of(field), *cls._aliases(field))
        ]
        return {
            name: close[0]
            for name in os.environ
            if name.upper() not in known
            and (close := difflib.get_close_matches(name.upper(), known, n=1, cutoff=ALIKE))
        }

    @classmethod
    def variable_of(cls, field: str) -> str:
        """The environment variable that sets `field`."""
        if field not in cls.model_fields:
            return field
        prefix = cls.model_config.get("env_prefix", "")
        return next(iter(cls._aliases(field)), f"{prefix}{field}".upper())

    @classmethod
    def _aliases(cls, field: str) -> list[str]:
        alias = cls.model_fields[field].validation_alias
        if isinstance(alias, AliasChoices):
            return [str(choice) for choice in alias.choices]
        return [alias] if isinstance(alias, str) else []


class ProviderSettings(Settings):
    """Base of a provider's settings: set `model_config["env_prefix"]` to its variables' start.

    Attributes:
        provider: Whose they are.
        renamed: Old names of settings, and their new ones: both are fields, one may be set.
    """

    provider: ClassVar[str] = ""
    renamed: ClassVar[Mapping[str, str]] = {}

    @field_validator("api_key", check_fields=False)
    @classmethod
    def _is_sendable(cls, key: SecretStr | None) -> SecretStr | None:
        return None if key is None else validate_key(key)

    @model_validator(mode="after")
    def _is_named_once(self) -> Self:
        for old, new in self.renamed.items():
            if getattr(self, old) is not None:
                names = self.variable_of(new), self.variable_of(old)
                if getattr(self, new) is not None:
                    raise ValueError(f"{' and its old name '.join(names)} are both set; unset one")
                warnings.warn(f"{names[1]} is now called {names[0]}.", FutureWarning, stacklevel=2)
        return self


class AvatarSettings(Settings):
    """The engine's own settings, `AVATAR_*`."""

    model_config = SettingsConfigDict(env_prefix="AVATAR_")

    provider: str | None = None
    """The chain of providers, `name[:variant]` separated by commas."""
    required: bool = False
    """Raise from `start` when no avatar can be had, instead of going on by voice."""
    provision_timeout_s: float = Field(default=20.0, gt=0, le=600)
    join_timeout_s: float = Field(default=30.0, gt=0, le=600)
    ledger: Path | None = None
    """The folder that tells of what was bought; by default in the user's state."""

    @field_validator("ledger")
    @classmethod
    def _is_of_somebody(cls, ledger: Path | None) -> Path | None:
        try:
            return ledger and ledger.expanduser()
        except RuntimeError:
            raise ValueError("there is no home of that name") from None


class LiveKitSettings(Settings):
    """Where the room is, and the key that mints tokens for it."""

    url: str = Field(validation_alias="LIVEKIT_URL")
    api_key: SecretStr = Field(validation_alias="LIVEKIT_API_KEY")
    api_secret: SecretStr = Field(validation_alias="LIVEKIT_API_SECRET")

    @field_validator("url")
    @classmethod
    def _is_a_server(cls, url: str) -> str:
        try:
            parts = urlsplit(url.strip())
        except ValueError:  # its message quotes what may be a password
            parts = urlsplit("")
        if parts.scheme not in ("ws", "wss", "http", "https") or not parts.hostname:
            raise ValueError("must be like wss://my-project.livekit.cloud or ws://127.0.0.1:7880")
        if parts.username or parts.password or parts.query:
            raise ValueError("must not carry a user, a password or a query")
        return url.strip()

    @field_validator("api_key", "api_secret")
    @classmethod
    def _is_one_word(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if not text:
            raise ValueError("must not be empty")
        if text != text.strip() or not text.isprintable():
            raise ValueError("has white space, a line break or an unprintable letter in it")
        return value
