"""Tavus for avatar-core: a face from Tavus's servers, always ended, and everything it documents."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

from avatar_core import (
    Answer,
    AudioFormat,
    AvatarSession,
    Capabilities,
    CapacityError,
    Outcome,
    ProtocolError,
    ProvisionedAvatar,
    ProvisionRequest,
    RejectedError,
    RestAvatarProvider,
    SafeRetry,
    SinkContext,
)
from avatar_provider_tavus.settings import TavusSettings

__all__ = ["Emotion", "TavusProvider", "TavusSettings", "set_emotion"]

PAGE = 100
MOST_PAGES = 20
TOPIC = "app_messages"


class Emotion(StrEnum):
    """What a face of Tavus can show."""

    NEUTRAL = "neutral"
    HAPPINESS = "happiness"
    SADNESS = "sadness"
    ANGER = "anger"
    FEAR = "fear"
    SURPRISE = "surprise"
    DISGUST = "disgust"
    CONTEMPT = "contempt"


async def set_emotion(avatar: AvatarSession, emotion: Emotion) -> None:
    """Let the face show an emotion from now on.

    Raises:
        UnsupportedCommandError: The avatar in use is not of Tavus.
    """
    await avatar.control("set_emotion", emotion=emotion.value)


class TavusProvider(RestAvatarProvider[TavusSettings]):
    """A conversation at Tavus, found again by its unique name."""

    name = "tavus"
    api_version = (1, 0)
    settings_cls = TavusSettings
    capabilities = Capabilities(
        audio=AudioFormat(24_000),
        safe_retry=SafeRetry.LOOKUP,
        expected_join_s=5.0,
        commands=frozenset({"set_emotion"}),
    )
    auth = "x-api-key"
    create, session_key = "POST /conversations", "conversation_id"
    end = "POST /conversations/{id}/end"

    def setup(self) -> None:
        """A conversation may last as long as it was asked for."""
        super().setup()
        cap_s = float(self.settings.max_call_duration_s)
        self.capabilities = replace(self.capabilities, max_session_s=cap_s)

    @classmethod
    def stand_in(
        cls, say: Callable[[str], None]
    ) -> AbstractAsyncContextManager[Mapping[str, str]] | None:
        """For the demo, where no key is set: the simulator."""
        from avatar_provider_tavus.simulator.server import stand_in

        return None if os.environ.get("TAVUS_API_KEY") else stand_in(say)

    def payload(self, request: ProvisionRequest) -> Mapping[str, Any]:
        """PAL, face, options, and the room."""
        body = self.settings.payload()
        room = {
            "livekit_ws_url": request.livekit_url,
            "livekit_room_token": SecretStr(request.avatar_token()),
        }
        properties = {**body["properties"], **room}
        return {**body, "conversation_name": request.key, "properties": properties}

    def provisioned(self, answer: Answer, request: ProvisionRequest) -> ProvisionedAvatar:
        """A conversation in test mode has ended as it begins: nobody would join."""
        avatar = super().provisioned(answer, request)
        if answer.text("status", "") == "ended":
            raise RejectedError(
                "the conversation was created in test mode, and has ended: no avatar joins.",
                provider=self.name,
                hint="Unset TAVUS_TEST_MODE to see a face.",
                outcome=Outcome.REJECTED,
            )
        return avatar

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        """Create a conversation; a 400 says in words what it means."""
        try:
            return await super().provision(request)
        except RejectedError as error:
            if "maximum concurrent" not in error.message:
                raise
            said = error.message
        raise CapacityError(
            said,
            provider=self.name,
            hint="End other conversations (`avatar reap`), or raise the plan's limit.",
            outcome=Outcome.REJECTED,
            retryable=True,
        )

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        """End it. An id that Tavus does not know is answered 400, not 404."""
        try:
            await super().release(avatar, reason)
        except RejectedError as error:
            if "Invalid conversation_id" not in error.message:
                raise

    async def lookup(self, key: str) -> ProvisionedAvatar | None:
        """Find an active conversation by its name, on as many pages as there are."""
        for page in range(1, MOST_PAGES + 1):
            answer = await self.rest.call(
                "GET", f"/conversations?status=active&limit={PAGE}&page={page}"
            )
            found = answer.parts("data")
            for one in found:
                if one.text("conversation_name", "") == key:
                    identity = f"{self.name}-avatar-{key.rpartition('-')[2]}"
                    session_id = one.text(self.session_key)
                    return ProvisionedAvatar(session_id=session_id, identity=identity)
            if len(found) < PAGE:
                return None
        raise ProtocolError(
            f"it lists more than {MOST_PAGES * PAGE} active conversations.",
            provider=self.name,
            hint="End some of them.",
        )

    async def control(self, ctx: SinkContext, command: Mapping[str, Any]) -> None:
        """`set_emotion`, over the room's data channel."""
        if command.get("name") != "set_emotion":
            await super().control(ctx, command)
        said = {
            "message_type": "conversation",
            "event_type": "conversation.set_emotion",
            "properties": {"emotion": Emotion(command["emotion"]).value},
        }
        to = [ctx.avatar.identity]
        await ctx.link.send(TOPIC, json.dumps(said).encode(), to=to, reliable=True)

    async def probe(self) -> None:
        """Check the key, that the PAL leaves thinking to us and speaks LiveKit, and the face.

        Raises:
            ProvisionError: One of them will not do.
        """
        for fault in self._faults_of(await self._read("pals", self.settings.pal)):
            raise RejectedError(
                f"the PAL {self.settings.pal} {fault}.",
                provider=self.name,
                hint="Make one: avatar tavus create-pal",
                outcome=Outcome.REJECTED,
            )
        if face := self.settings.face:
            state = (await self._read("faces", face)).text("status", "completed")
            if state != "completed":
                raise RejectedError(
                    f"the face {face} is not ready ({state}).",
                    provider=self.name,
                    hint="Wait until Tavus has made it, or choose another.",
                    outcome=Outcome.REJECTED,
                )

    async def _read(self, kind: str, id: str) -> Answer:
        answer = await self.rest.call("GET", f"/{kind}/{quote(id, safe='')}")
        return answer.parts("data")[0] if "data" in answer else answer

    @staticmethod
    def _faults_of(pal: Answer) -> Iterator[str]:
        if pal.text("pipeline_mode", "") != "echo":
            yield "is not in echo mode: it would talk with a mind of its own"
        if pal.text("layers.transport.transport_type", "") != "livekit":
            yield "does not speak LiveKit"
