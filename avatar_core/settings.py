"""Settings, read from arguments first and the environment second."""

from __future__ import annotations

from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableError

from avatar_core.contracts.errors import SettingsError


class Settings(BaseSettings):
    """Base of all settings: an empty variable counts as unset, an unknown name is an error."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="forbid", frozen=True, populate_by_name=True
    )

    @classmethod
    def load(cls, **values: Any) -> Self:
        """Read the settings.

        Raises:
            SettingsError: One message that names each setting and variable at fault, and
                never a value: a misplaced key must not reach a log.
        """
        try:
            return cls(**values)
        except ValidationError as error:
            faults = "; ".join(
                f"{cls.variable_of(str(fault['loc'][0])) if fault['loc'] else cls.__name__}: "
                f"{fault['msg'].removeprefix('Value error, ')}"
                for fault in error.errors(include_input=False, include_url=False)
            )
        except UnreadableError as error:
            faults = f"{cls.__name__}: {error}, which must be JSON"
        raise SettingsError(f"{faults}.", hint="Set it in the environment or pass it in code.")

    @classmethod
    def variable_of(cls, field: str) -> str:
        """The environment variable that sets `field`."""
        info = cls.model_fields.get(field)
        alias = info.validation_alias if info else None
        if isinstance(alias, str):
            return alias
        choices = getattr(alias, "choices", None)
        if choices:
            return str(choices[0])
        return f"{cls.model_config.get('env_prefix', '')}{field}".upper() if info else field


class ProviderSettings(Settings):
    """Base of a provider's settings: set `model_config["env_prefix"]` to its variables' start."""

    provider: ClassVar[str] = ""


class AvatarSettings(Settings):
    """The engine's own settings, `AVATAR_*`."""

    model_config = SettingsConfigDict(env_prefix="AVATAR_")

    provider: str | None = None
    """The chain of providers, `name[:variant]` separated by commas."""
    required: bool = False
    """Raise from `start` when no avatar can be had, instead of going on by voice."""
    provision_timeout_s: float = Field(default=20.0, gt=0, le=600)
    join_timeout_s: float = Field(default=30.0, gt=0, le=600)


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
        if not text or text != text.strip() or not text.isprintable():
            raise ValueError("has white space or a line break around it")
        return value
