"""The settings `LEMONSLICE_*`: the documented options of a LemonSlice session in a LiveKit room."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, HttpUrl, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from avatar_core import ProviderSettings

ROUTE = "/liveai/sessions"
"""The path of all routes of sessions, which LemonSlice's own `LEMONSLICE_API_URL` contains."""
NUMBER = BeforeValidator(lambda text: int(text) if str(text).isdecimal() else text)
SampleRate = Annotated[Literal[16_000, 22_050, 24_000, 44_100, 48_000], NUMBER]
"""The sample rates that LemonSlice accepts, in Hz (livekit-plugins-lemonslice 1.8.9)."""
Url = Annotated[str, AfterValidator(lambda url: url.rstrip("/").removesuffix(ROUTE))]
OURS = {"api_key", "api_url", "variant", "agent_id", "agent_image_url", "max_session_s"}
"""Settings that do not go to LemonSlice under their own names."""


class LemonSliceSettings(ProviderSettings):
    """The settings of a LemonSlice session, read from `LEMONSLICE_*`.

    LemonSlice applies its own default to each option that is None. The attributes without a
    description have the names and meanings of LemonSlice's API reference.

    Attributes:
        api_key: API key of the LemonSlice account.
        api_url: URL of the API, with or without the path `/liveai/sessions`.
        variant: Id of an agent, as in `AVATAR_PROVIDER=lemonslice:agent_abc123`; overrides
            `agent_id` and `agent_image_url`.
        agent_id: Id of an agent of the account.
        agent_image_url: URL of an image, from which LemonSlice creates the avatar.
        idle_timeout: Seconds without speech of the avatar after which LemonSlice ends the session;
            -1 means never. LemonSlice's own default is 60.
        response_done_timeout: Seconds without audio after which a response counts as complete.
        action_engine: `natural` lets LemonSlice choose actions and emotions; for the models cwm-1.
        audio_sample_rate: Sample rate of the agent's audio in Hz.
        max_session_s: Seconds after which LemonSlice ends a session of this account. LemonSlice
            does not receive the value: the value must equal the limit of the account.
    """

    model_config = SettingsConfigDict(env_prefix="LEMONSLICE_")
    provider: ClassVar[str] = "lemonslice"

    api_key: SecretStr
    api_url: Url = "https://lemonslice.com/api"
    variant: str = Field(default="", pattern="^[A-Za-z0-9_-]*$")
    agent_id: str | None = Field(default=None, pattern="^[A-Za-z0-9_-]+$")
    agent_image_url: HttpUrl | None = None

    agent_prompt: str | None = None
    agent_idle_prompt: str | None = None
    idle_timeout: int = Field(default=300, ge=-1, le=86_400)
    response_done_timeout: float | None = Field(default=None, gt=0, le=60)
    model: str | None = None
    action_engine: Literal["natural"] | None = None
    aspect_ratio: Literal["2x3", "9x16", "1x1"] | None = None
    simulcast: bool | None = None
    audio_sample_rate: SampleRate = 24_000
    max_session_s: float = Field(default=1800.0, ge=60, le=86_400)

    @model_validator(mode="after")
    def _has_one_face(self) -> Self:
        if not self.variant and (self.agent_id is None) == (self.agent_image_url is None):
            raise ValueError("Set either LEMONSLICE_AGENT_ID or LEMONSLICE_AGENT_IMAGE_URL.")
        return self

    def payload(self) -> dict[str, Any]:
        """Return the part of a create request's body that the settings determine.

        Returns:
            The face and all options that are set, JSON-safe. The room is missing.
        """
        agent = self.variant or self.agent_id
        face = {"agent_id": agent} if agent else {"agent_image_url": str(self.agent_image_url)}
        return {**face, **self.model_dump(mode="json", exclude=OURS, exclude_none=True)}
