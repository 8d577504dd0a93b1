"""`TAVUS_*`: everything that Tavus documents of a conversation in a LiveKit room."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, HttpUrl, SecretStr, StringConstraints
from pydantic_settings import SettingsConfigDict

from avatar_core import ProviderSettings

STOCK_PAL, STOCK_FACE = "pb87e71797da", "r4067604db72"
"""Tavus's own, for whoever has none; the face goes with that PAL (livekit-plugins-tavus 1.8.9)."""
RENAMED = {"persona_id": "pal_id", "replica_id": "face_id"}
OURS = {"api_key", "api_url", "variant", *RENAMED, *RENAMED.values()}
"""The other settings go to Tavus under their own names: these at the top, the rest below."""
AT_TOP = {
    *("audio_only", "callback_url", "conversational_context", "custom_greeting"),
    *("document_ids", "document_retrieval_strategy", "document_tags", "max_participants"),
    *("memory_stores", "test_mode"),
}

Id = Annotated[str, StringConstraints(pattern="^[A-Za-z0-9_-]+$")]


class TavusSettings(ProviderSettings):
    """A PAL, a face, and what may be asked for; what is unset is Tavus's own default."""

    model_config = SettingsConfigDict(env_prefix="TAVUS_")
    provider: ClassVar[str] = "tavus"
    renamed: ClassVar = RENAMED

    api_key: SecretStr
    api_url: str = "https://tavusapi.com/v2"
    variant: str = Field(default="", pattern="^[A-Za-z0-9_-]*$")
    """A face, as in `AVATAR_PROVIDER=tavus:r4067604db72`."""
    pal_id: Id | None = None
    face_id: Id | None = None
    persona_id: Id | None = None
    """The old name of `pal_id`."""
    replica_id: Id | None = None
    """The old name of `face_id`."""

    max_call_duration: int = Field(default=3600, ge=60, le=3600)
    """Seconds, as the other timers."""
    participant_left_timeout: int = Field(default=30, ge=0, le=3600)
    """How long a conversation outlives its people; Tavus's own default is 0."""
    participant_absent_timeout: int | None = Field(default=None, ge=1, le=3600)
    language: str | None = None
    custom_greeting: str | None = None
    conversational_context: str | None = None
    audio_only: bool | None = None
    test_mode: bool | None = None
    """A conversation that costs nothing: it is created, ended, and never joins."""
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
        """Whose conversation it is."""
        return self.pal_id or self.persona_id or STOCK_PAL

    @property
    def face(self) -> str | None:
        """The face to show; None for the PAL's own."""
        chosen = self.variant or self.face_id or self.replica_id
        return chosen or (STOCK_FACE if self.pal == STOCK_PAL else None)

    def payload(self) -> dict[str, Any]:
        """The body of a create, without its room."""
        options = self.model_dump(mode="json", exclude=OURS, exclude_none=True)
        body = {name: options.pop(name) for name in AT_TOP & options.keys()}
        ids = {"pal_id": self.pal} | ({"face_id": self.face} if self.face else {})
        return {**ids, **body, "properties": options}
