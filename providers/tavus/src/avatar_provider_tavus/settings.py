"""The settings `TAVUS_*`: the documented options of a Tavus conversation in a LiveKit room."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, HttpUrl, SecretStr, StringConstraints
from pydantic_settings import SettingsConfigDict

from avatar_core import ProviderSettings

STOCK_PAL, STOCK_FACE = "pb87e71797da", "r4067604db72"
"""A PAL and a face of Tavus, for accounts without their own (livekit-plugins-tavus 1.8.9).

The face is the one that belongs to this PAL.
"""
RENAMED = {"persona_id": "pal_id", "replica_id": "face_id"}
"""New names of settings by their old names."""
OURS = {"api_key", "api_url", "variant", *RENAMED, *RENAMED.values()}
"""Settings that do not go to Tavus under their own names."""
AT_TOP = {
    *("audio_only", "callback_url", "conversational_context", "custom_greeting"),
    *("document_ids", "document_retrieval_strategy", "document_tags", "max_participants"),
    *("memory_stores", "test_mode"),
}
"""Settings that go to the top level of the request body; the others go into `properties`."""

Id = Annotated[str, StringConstraints(pattern="^[A-Za-z0-9_-]+$")]


class TavusSettings(ProviderSettings):
    """The settings of a Tavus conversation, read from `TAVUS_*`.

    Tavus applies its own default to each option that is None. The attributes without a
    description have the names and meanings of Tavus's API reference.

    Attributes:
        api_key: API key of the Tavus account.
        api_url: Base URL of the API.
        variant: Id of a face, as in `AVATAR_PROVIDER=tavus:r4067604db72`; overrides `face_id`.
        pal_id: Id of the PAL; None uses `STOCK_PAL`.
        face_id: Id of the face.
        persona_id: The old name of `pal_id`.
        replica_id: The old name of `face_id`.
        max_call_duration: Maximum duration of a conversation, in seconds.
        participant_left_timeout: Seconds from the time at which the last participant leaves to the
            end of the conversation; Tavus's own default is 0.
        participant_absent_timeout: Seconds that a conversation waits for its first participant.
        audio_only: Whether the avatar publishes no video.
        test_mode: Whether conversations are free of charge. A free conversation ends at once, and
            no avatar joins.
    """

    model_config = SettingsConfigDict(env_prefix="TAVUS_")
    provider: ClassVar[str] = "tavus"
    renamed: ClassVar = RENAMED

    api_key: SecretStr
    api_url: str = "https://tavusapi.com/v2"
    variant: str = Field(default="", pattern="^[A-Za-z0-9_-]*$")
    pal_id: Id | None = None
    face_id: Id | None = None
    persona_id: Id | None = None
    replica_id: Id | None = None

    max_call_duration: int = Field(default=3600, ge=60, le=3600)
    participant_left_timeout: int = Field(default=30, ge=0, le=3600)
    participant_absent_timeout: int | None = Field(default=None, ge=1, le=3600)
    language: str | None = None
    custom_greeting: str | None = None
    conversational_context: str | None = None
    audio_only: bool | None = None
    test_mode: bool | None = None
    callback_url: HttpUrl | None = None
    max_participants: int | None = Field(default=None, ge=2)
    memory_stores: list[str] | None = None
    document_ids: list[str] | None = None
    document_tags: list[str] | None = None
    document_retrieval_strategy: Literal["speed", "quality", "balanced"] | None = None
    enable_recording: bool | None = None
    recording_storage: dict[str, Any] | None = None
    recording_s3_bucket_name: str | None = None
    recording_s3_bucket_region: str | None = None
    aws_assume_role_arn: str | None = None
    enable_closed_captions: bool | None = None
    apply_greenscreen: bool | None = None

    @property
    def pal(self) -> str:
        """The id of the PAL (Tavus's name for a persona) that speaks in the conversation."""
        return self.pal_id or self.persona_id or STOCK_PAL

    @property
    def face(self) -> str | None:
        """The id of the face; None for the default face of the PAL."""
        chosen = self.variant or self.face_id or self.replica_id
        return chosen or (STOCK_FACE if self.pal == STOCK_PAL else None)

    def payload(self) -> dict[str, Any]:
        """Return the part of a create request's body that the settings determine.

        Returns:
            The ids of PAL and face and all options that are set, JSON-safe. The name of the
            conversation and the room are missing.
        """
        options = self.model_dump(mode="json", exclude=OURS, exclude_none=True)
        body = {name: options.pop(name) for name in sorted(AT_TOP & options.keys())}
        ids = {"pal_id": self.pal} | ({"face_id": self.face} if self.face else {})
        return {**ids, **body, "properties": options}
