"""Code of provider authors: it must pass mypy --strict and pyright's strict mode."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from avatar_core import (
    AudioFormat,
    AudioSink,
    AvatarLostError,
    AvatarProvider,
    Capabilities,
    CapacityError,
    Outcome,
    PlaybackTracker,
    ProviderSettings,
    ProvisionedAvatar,
    ProvisionError,
    ProvisionRequest,
    Renderer,
    RendererProvider,
    Response,
    RestAvatarProvider,
    RestClient,
    RoomLink,
    SafeRetry,
    SinkContext,
    Take,
    TakeState,
    TransportError,
    UnsupportedCommandError,
    VideoFrame,
)


class AcmeSettings(ProviderSettings):
    model_config = SettingsConfigDict(env_prefix="ACME_")
    provider: ClassVar[str] = "acme"

    api_key: SecretStr
    face: str = "ada"


class AcmeProvider(RestAvatarProvider[AcmeSettings]):
    """A vendor with a REST API; its settings class comes from the type argument."""

    name = "acme"
    api_version = (1, 0)
    capabilities = Capabilities(audio=AudioFormat(24_000), safe_retry=SafeRetry.LOOKUP)
    url, auth = "https://api.acme.example", "X-Api-Key"
    create, session_key = "POST /v1/sessions", "id"
    end = "DELETE /v1/sessions/{id}"
    error_phrases: ClassVar = {"too many": CapacityError}

    def payload(self, request: ProvisionRequest) -> Mapping[str, Any]:
        return {"face": self.settings.face, "token": SecretStr(request.avatar_token())}

    def read_avatar(self, response: Response, request: ProvisionRequest) -> ProvisionedAvatar:
        made = super().read_avatar(response, request)
        if response.text("status", "") == "failed":
            raise ProvisionError("the session failed.", outcome=Outcome.REJECTED)
        return made

    async def lookup(self, key: str) -> ProvisionedAvatar | None:
        rest: RestClient = self.rest
        found = await rest.find("/v1/sessions?page={page}", "name", key)
        return ProvisionedAvatar(session_id=found.text("id"), identity="") if found else None


class WorkerSettings(ProviderSettings):
    provider: ClassVar[str] = "drawn"

    size: int = 64


class Drawn(RendererProvider[WorkerSettings], ABC):
    """A base for several providers: it lists `ABC`, so it needs no name."""

    @abstractmethod
    def edge(self) -> int: ...

    def options(self) -> Mapping[str, Any]:
        return {"size": self.settings.size, "edge": self.edge()}


class Square(Drawn):
    name = "square"
    api_version = (1, 0)
    renderer = "square:SquareRenderer"

    def setup(self) -> None:
        size: int = self.settings.size
        self.capabilities = Capabilities(expected_join_s=size / 32)

    def edge(self) -> int:
        return 1


class PacketProvider(AvatarProvider[WorkerSettings]):
    """A worker elsewhere, with a transport of its own."""

    name = "packet"
    api_version = (1, 0)
    settings_cls = WorkerSettings

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        avatar = ProvisionedAvatar(session_id=request.key, identity=request.identity)
        request.claim(avatar)
        return avatar

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        return

    def create_sink(self, ctx: SinkContext) -> AudioSink | None:
        return PacketSink(ctx)

    def create_tracker(self, ctx: SinkContext) -> PlaybackTracker | None:
        return FirstByteTracker()

    async def control(self, ctx: SinkContext, command: Mapping[str, Any]) -> None:
        raise UnsupportedCommandError("it has no commands.", provider=self.name)


class PacketSink(AudioSink):
    def __init__(self, ctx: SinkContext) -> None:
        self._link: RoomLink = ctx.link
        self._to = ctx.avatar.identity

    async def open(self) -> None:
        if self._to not in self._link.remote_participants():
            raise TransportError("The avatar is not in the room.")

    async def begin(self, take: Take) -> None:
        return

    async def push(self, chunk: bytes) -> None:
        if not self._link.connected:
            raise AvatarLostError("The room is closed.")
        await self._link.send("audio", chunk, to=[self._to], reliable=True)

    async def end(self, take: Take) -> None:
        return

    async def cut(self, take: Take) -> None:
        await self._link.call(self._to, "cut", take.id, timeout_s=1.0)

    async def aclose(self) -> None:
        return


class FirstByteTracker(PlaybackTracker):
    def follow(self, take: Take) -> None:
        take.report(position_s=take.pushed_s, state=TakeState.DONE)

    async def aclose(self) -> None:
        return


class SquareRenderer(Renderer):
    width = height = 64
    fps = 25.0
    audio = AudioFormat(24_000)

    def render(self, chunk: bytes, last: bool) -> Sequence[VideoFrame]:
        return [self.idle()]

    def idle(self) -> VideoFrame:
        return VideoFrame(self.width, self.height, bytes(self.width * self.height * 4))

    def reset(self) -> None:
        return
