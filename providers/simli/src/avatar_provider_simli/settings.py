"""The settings `SIMLI_*`: the documented options of a Simli session in a LiveKit room."""

from typing import Any, ClassVar, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from avatar_core import ProviderSettings

NAMES = {"max_session_length": "maxSessionLength", "max_idle_time": "maxIdleTime"}
NAMES |= {"handle_silence": "handleSilence", "start_frame": "startFrame"}
NAMES |= {"api_version": "apiVersion", "session_aggregator": "sessionAggregator"}
"""Simli's names of the options, by the names of the settings."""


class SimliSettings(ProviderSettings):
    """The settings of a Simli session, read from `SIMLI_*`.

    Simli applies its own default to each option that is None.

    Attributes:
        api_key: API key of the account.
        api_url: Base URL of the API.
        variant: Id of a face, or the ids of a face and an emotion with a slash between them, as in
            `AVATAR_PROVIDER=simli:cace3ef7-a4c4-425d-a8cf-a5358eb0c427`; overrides `face_id` and
            `emotion_id`.
        face_id: Id of the face.
        emotion_id: Id of an emotion, for faces of the kind Trinity.
        max_session_length: Seconds after which Simli ends the session.
        max_idle_time: Seconds without speech of the avatar after which Simli ends the session.
        handle_silence: Whether Simli fills the time between two sentences with silence.
        start_frame: Number of the first frame of the face's video.
        api_version: Version of Simli's API.
        session_aggregator: Simli documents the name, but not the meaning.
    """

    model_config = SettingsConfigDict(env_prefix="SIMLI_")
    provider: ClassVar[str] = "simli"

    api_key: SecretStr
    api_url: str = "https://api.simli.ai"
    variant: str = Field(default="", pattern="^[A-Za-z0-9_-]*(/[A-Za-z0-9_-]+)?$")
    face_id: str = Field(default="", pattern="^[A-Za-z0-9_-]*$", validate_default=True)
    emotion_id: str | None = Field(default=None, pattern="^[A-Za-z0-9_-]+$")
    max_session_length: int = Field(default=3600, ge=60, le=86_400)
    max_idle_time: int = Field(default=300, ge=1, le=86_400)
    handle_silence: bool = True
    start_frame: int | None = Field(default=None, ge=0)
    api_version: Literal["v2"] | None = None
    session_aggregator: str | None = None

    @field_validator("face_id")
    @classmethod
    def _is_set(cls, id: str, info: ValidationInfo) -> str:
        if not (id or info.data.get("variant")):
            raise ValueError("is not set")
        return id

    @property
    def face(self) -> str:
        """The id of the face, and behind a slash the id of the emotion if there is one."""
        parts = (self.face_id, self.emotion_id)
        return self.variant or "/".join(part for part in parts if part)

    def payload(self) -> dict[str, Any]:
        """Return the body of the request for a session token.

        Returns:
            The face and all options that are set, JSON-safe.
        """
        values = {theirs: getattr(self, ours) for ours, theirs in NAMES.items()}
        set_values = {name: value for name, value in values.items() if value is not None}
        return {"faceId": self.face, **set_values}
