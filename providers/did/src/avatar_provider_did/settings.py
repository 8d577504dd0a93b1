"""The settings `DID_*`: the documented options of a D-ID session in a LiveKit room."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from avatar_core import ProviderSettings

NUMBER = BeforeValidator(lambda text: int(text) if str(text).isdecimal() else text)
SampleRate = Annotated[Literal[16_000, 24_000, 48_000], NUMBER]
"""The sample rates that D-ID accepts, in Hz (livekit-plugins-did 1.8.9)."""


class DidSettings(ProviderSettings):
    """The settings of a D-ID session, read from `DID_*`.

    Attributes:
        api_key: API key of the account, as D-ID's site shows it.
        api_url: Base URL of the API.
        variant: Id of an agent, as in `AVATAR_PROVIDER=did:v2_agt_abc`; overrides `agent_id`.
        agent_id: Id of an Expressive Agent of the account (D-ID's name for an avatar).
        sample_rate: Sample rate of the agent's audio in Hz.
        max_session_s: Seconds after which D-ID ends a session of this account; None means no limit.
            D-ID does not receive the value.
    """

    model_config = SettingsConfigDict(env_prefix="DID_")
    provider: ClassVar[str] = "did"

    api_key: SecretStr
    api_url: str = "https://api.d-id.com"
    variant: str = Field(default="", pattern="^[A-Za-z0-9_@-]*$")
    agent_id: str = Field(default="", pattern="^[A-Za-z0-9_@-]*$", validate_default=True)
    sample_rate: SampleRate = 24_000
    max_session_s: float | None = Field(default=None, ge=60, le=86_400)

    @field_validator("agent_id")
    @classmethod
    def _is_set(cls, id: str, info: ValidationInfo) -> str:
        if not (id or info.data.get("variant")):
            raise ValueError("is not set")
        return id

    @property
    def agent(self) -> str:
        """The id of the agent."""
        return self.variant or self.agent_id

    def payload(self) -> dict[str, Any]:
        """Return the part of a create request's body that the settings determine.

        Returns:
            The audio format, JSON-safe. The room is missing.
        """
        return {"audio_config": {"sample_rate": self.sample_rate}}
