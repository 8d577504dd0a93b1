"""The settings of avatar-core, of providers and of LiveKit.

Arguments in code take precedence over environment variables.
"""

from __future__ import annotations

import warnings
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from avatar_core.settings.base import Settings

RESERVED_ATTRIBUTES = "lk."
"""The prefix of the names of LiveKit's own attributes, such as `lk.publish_on_behalf`."""
BASE64 = "base64:"
MAX_NAME_BYTES = 256
"""The most bytes of a participant's name in UTF-8 (livekit-server 1.13.5, the default)."""
MAX_ATTRIBUTES_BYTES = 16_384
"""The most bytes of the names and values of attributes. A server accepts 64 KiB by default
(livekit-server 1.13.5), but the attributes are also a part of the room token."""


def validate_key(key: SecretStr) -> SecretStr:
    """Check that an HTTP header can carry an API key.

    Args:
        key: The API key.

    Returns:
        The key, unchanged.

    Raises:
        ValueError: The key is empty, or has a character that a header cannot carry. The message
            quotes no part of the key.
    """
    text = key.get_secret_value()
    if not text:
        raise ValueError("The key must not be empty.")
    if any(not "!" <= character <= "~" for character in text):
        raise ValueError("The key must contain only printable ASCII characters and no white space.")
    return key


class ProviderSettings(Settings):
    """Base class for the settings of a provider.

    A subclass declares each setting as a field, and sets `model_config["env_prefix"]` to the prefix
    of its environment variables, for example `ACME_`.

    Attributes:
        provider: Name of the provider that the settings belong to.
        renamed: The new name of each renamed setting, by the old name. The old and the new name are
            fields of the class, and a user may set only one of them.
    """

    provider: ClassVar[str] = ""
    renamed: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        super().__pydantic_init_subclass__(**options)
        field = cls.model_fields.get("api_key")
        if field is None or not cls.__pydantic_complete__:
            return
        kinds = get_args(field.annotation) or (field.annotation,)
        if any(kind not in (SecretStr, type(None)) for kind in kinds):
            raise TypeError(
                f"Logs would show {cls.__name__}.api_key in plain text. "
                "Write in the class: api_key: pydantic.SecretStr"
            )

    @classmethod
    def _owner(cls) -> str | None:
        return cls.provider or None

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
                    raise ValueError(
                        f"{names[0]} and its old name {names[1]} are both set; unset {names[1]}."
                    )
                warnings.warn(
                    f"The setting {names[1]} is now called {names[0]}.", FutureWarning, stacklevel=2
                )
        return self


class AvatarSettings(Settings):
    """The settings of avatar-core. Each field reads the environment variable `AVATAR_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="AVATAR_")

    provider: str | None = None
    """The chain of providers: items `name` or `name:variant`, separated by commas."""
    required: bool = False
    """Whether `AvatarSession.start` raises an error if all providers fail. By default the agent
    then speaks with its own voice."""
    provision_timeout_s: float = Field(default=20.0, gt=0, le=600)
    """Seconds for all attempts to create a session at one provider."""
    join_timeout_s: float = Field(default=30.0, gt=0, le=600)
    """Seconds from the creation of a session until the avatar can be heard and seen. A provider
    whose typical join takes longer gets twice its typical time."""
    retries: int = Field(default=2, ge=0, le=1000)
    """How often a provider whose avatar was lost is provisioned again within 10 minutes."""
    listener_timeout_s: float | None = Field(default=None, ge=0, le=86_400)
    """Seconds for which speech waits until a listener can hear it; by default without a limit."""
    monitor: Literal["auto", "off"] = "auto"
    """Whether the agent listens to the audio track of an avatar whose worker does not report what
    was heard (`auto`), or to none (`off`)."""
    first_sound_s: float = Field(default=5.0, gt=0, le=60)
    """Seconds that an avatar which the agent has never heard may be late. An avatar whose first
    sound is later is lost. A smaller value detects a mute avatar earlier, and loses a slow one."""
    name: str = ""
    """The display name of the avatar's participant; by default its identity."""
    attributes: dict[str, str] = Field(default_factory=dict)
    """Attributes of the avatar's participant, which everyone in the room can read. In the
    environment, a JSON object of strings."""
    e2ee_key: SecretStr | None = None
    """The shared key of a room with end-to-end encryption, for workers of avatar-core. A key that
    is not text is written as `base64:` and its bytes in base64."""
    ledger: Path | None = None
    """The folder that records paid sessions; by default `avatar-core/ledger` in the user's state
    directory."""
    allow_public_audio: bool = False
    """Whether an avatar may be used with a version of livekit that cannot address byte streams, so
    that every participant of the room receives the agent's audio as data."""
    worker_env: str = Field(default="", pattern=r"^[A-Za-z0-9_*?, ]*$")
    """Names and patterns of further variables that worker processes inherit, separated by commas.
    By default they inherit only the variables of the system and of media libraries."""

    @field_validator("name")
    @classmethod
    def _is_short(cls, name: str) -> str:
        if len(name.strip().encode()) > MAX_NAME_BYTES:
            raise ValueError(f"The name must have at most {MAX_NAME_BYTES} bytes.")
        return name.strip()

    @field_validator("attributes")
    @classmethod
    def _leaves_room_for_livekit(cls, attributes: dict[str, str]) -> dict[str, str]:
        if any(name.startswith(RESERVED_ATTRIBUTES) for name in attributes):
            raise ValueError(f"Names that begin with {RESERVED_ATTRIBUTES} are reserved.")
        size = sum(len(f"{name}{value}".encode()) for name, value in attributes.items())
        if size > MAX_ATTRIBUTES_BYTES:
            raise ValueError(f"The attributes must have at most {MAX_ATTRIBUTES_BYTES} bytes.")
        return attributes

    def room_key(self) -> bytes | None:
        """Return the bytes of `e2ee_key`.

        Returns:
            The key; None if the setting is not set.

        Raises:
            ValueError: The text after `base64:` is not base64.
        """
        if self.e2ee_key is None:
            return None
        return _key_bytes(self.e2ee_key.get_secret_value())

    @field_validator("e2ee_key")
    @classmethod
    def _is_key(cls, key: SecretStr | None) -> SecretStr | None:
        try:
            empty = key is not None and not _key_bytes(key.get_secret_value())
        except ValueError:
            raise ValueError("The text after `base64:` is not valid base64.") from None
        if empty:
            raise ValueError("The key must not be empty.")
        return key

    @field_validator("ledger")
    @classmethod
    def _is_of_somebody(cls, ledger: Path | None) -> Path | None:
        try:
            return ledger and ledger.expanduser()
        except RuntimeError:
            raise ValueError(
                "The path begins with `~` or `~name`, but the home directory of that user is "
                "unknown. Set an absolute path."
            ) from None


class LiveKitSettings(Settings):
    """The LiveKit server, and the API key that signs room tokens."""

    url: str = Field(validation_alias="LIVEKIT_URL")
    """URL of the LiveKit server, for example `wss://my-project.livekit.cloud`. If the scheme of the
    URL is http or https, vendors receive the same URL with ws or wss."""
    api_key: SecretStr = Field(validation_alias="LIVEKIT_API_KEY")
    """API key of the LiveKit server."""
    api_secret: SecretStr = Field(validation_alias="LIVEKIT_API_SECRET")
    """Secret of the API key, which signs the tokens."""

    @property
    def ws_url(self) -> str:
        """The URL with the scheme ws or wss, for workers. Some vendors refuse http and https."""
        return _with_scheme(self.url, {"http": "ws", "https": "wss"})

    @property
    def http_url(self) -> str:
        """The URL with the scheme http or https, for calls to the server's API."""
        return _with_scheme(self.url, {"ws": "http", "wss": "https"})

    @field_validator("url")
    @classmethod
    def _is_a_server(cls, url: str) -> str:
        try:
            parts = urlsplit(url.strip())
        except ValueError:  # the message of the error may quote a password
            parts = urlsplit("")
        if parts.scheme not in ("ws", "wss", "http", "https") or not parts.hostname:
            raise ValueError(
                "The URL must look like wss://my-project.livekit.cloud or ws://127.0.0.1:7880."
            )
        if parts.username or parts.password or parts.query:
            raise ValueError("The URL must not contain a user name, a password or a query.")
        return url.strip()

    @field_validator("api_key", "api_secret")
    @classmethod
    def _is_one_word(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if not text:
            raise ValueError("The value must not be empty.")
        if text != text.strip() or not text.isprintable():
            raise ValueError(
                "The value must not have white space at its ends or unprintable characters."
            )
        return value


def _key_bytes(text: str) -> bytes:
    if text.startswith(BASE64):
        return b64decode(text.removeprefix(BASE64), validate=True)
    return text.encode()


def _with_scheme(url: str, scheme_of: Mapping[str, str]) -> str:
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    return f"{scheme_of.get(scheme, scheme)}{separator}{rest}"
