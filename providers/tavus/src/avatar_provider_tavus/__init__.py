"""A provider for Tavus, which creates and ends conversations in LiveKit rooms."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, get_args
from urllib.parse import quote

from pydantic import SecretStr

import avatar_core
from avatar_core import ProvisionedAvatar, ProvisionRequest
from avatar_provider_tavus.settings import TavusSettings

__all__ = ["Emotion", "TavusProvider", "TavusSettings", "set_emotion"]

Emotion = Literal[
    "neutral", "happiness", "sadness", "anger", "fear", "surprise", "disgust", "contempt"
]

EMOTIONS = get_args(Emotion)
IN_TEST = (
    "a conversation in test mode ends at once, so no avatar joins the room.",
    "Unset TAVUS_TEST_MODE to see a face.",
)
"""Message and hint of the error for a conversation in test mode."""


async def set_emotion(avatar: avatar_core.AvatarSession, emotion: Emotion) -> None:
    """Set the emotion that the face of the current avatar shows.

    Args:
        avatar: The avatar session of the agent.
        emotion: The emotion, until the next call.

    Raises:
        UnsupportedCommandError: The current avatar is not of Tavus, or the emotion is unknown.
    """
    await avatar.control("set_emotion", emotion=emotion)


class TavusProvider(avatar_core.RestAvatarProvider[TavusSettings]):
    """A provider that creates a conversation at Tavus, and can find it again by its unique name."""

    name = "tavus"
    api_version = (1, 0)
    capabilities = avatar_core.Capabilities(
        audio=avatar_core.AudioFormat(24_000),
        safe_retry=avatar_core.SafeRetry.LOOKUP,
        expected_join_s=5.0,
        commands=frozenset({"set_emotion"}),
    )
    auth = "x-api-key"
    create, session_key = "POST /conversations", "conversation_id"
    end, ended_statuses = "POST /conversations/{id}/end", (404,)
    error_phrases: ClassVar = {"maximum concurrent": avatar_core.CapacityError}

    def setup(self) -> None:
        """Create the REST client, and adapt the capabilities to the settings.

        The capability `max_session_s` becomes the setting `max_call_duration`. The capability
        `ready_on` becomes "audio" with the setting `audio_only`, and otherwise "video".

        Raises:
            ConfigError: The URL is invalid, or the key cannot be sent in a header.
        """
        super().setup()
        cap_s = float(self.settings.max_call_duration)
        ready: Literal["audio", "video"] = "audio" if self.settings.audio_only else "video"
        self.capabilities = replace(self.capabilities, max_session_s=cap_s, ready_on=ready)

    def payload(self, request: ProvisionRequest) -> Mapping[str, Any]:
        """Return the body of a create request.

        Args:
            request: The room to join, and the key that becomes the name of the conversation.

        Returns:
            The ids of PAL and face, the options of the settings, the name, and in `properties` the
            URL of the LiveKit server and the room token.
        """
        body, token = self.settings.payload(), SecretStr(request.avatar_token())
        room = {"livekit_ws_url": request.livekit_url, "livekit_room_token": token}
        properties = {**body["properties"], **room}
        return {**body, "conversation_name": request.key, "properties": properties}

    def read_avatar(
        self, response: avatar_core.Response, request: ProvisionRequest
    ) -> ProvisionedAvatar:
        """Return the record of a created conversation that has not ended.

        A conversation in test mode ends when it is created, so no avatar would join.

        Args:
            response: Response of Tavus to the create request.
            request: The request that `provision` received.

        Returns:
            The record, with the id of the conversation and the identity of the avatar.

        Raises:
            RejectedError: The conversation has ended already.
            ProtocolError: The response has no conversation id.
        """
        if response.text("status", "") == "ended":
            raise self.invalid_config(*IN_TEST)
        return super().read_avatar(response, request)

    async def lookup(self, key: str) -> ProvisionedAvatar | None:
        """Find an active conversation by its name, in all pages of the list.

        Args:
            key: The unique name of the conversation, which is the `key` of its provision request.

        Returns:
            A record with the id of the conversation and without an identity; None if no active
            conversation has this name.

        Raises:
            ProvisionError: A call failed, or the response is malformed.
        """
        path = "/conversations?status=active&limit=100&page={page}"
        found = await self.rest.find(path, "conversation_name", key)
        id = found.text(self.session_key) if found else ""
        return ProvisionedAvatar(session_id=id, identity="") if id else None

    async def is_ended(self, avatar: ProvisionedAvatar) -> bool:
        """Check whether a conversation has ended or is unknown.

        Tavus refuses to end a conversation with status 400 if the conversation is unknown, if it
        has ended, and if it cannot be ended now. This method therefore reads the state of the
        conversation.

        Args:
            avatar: The record of the conversation.

        Returns:
            False if Tavus reports the conversation as active, otherwise True.

        Raises:
            ProvisionError: The call failed.
        """
        shown = await self._read("conversations", avatar.session_id, accept=(400, 404))
        return shown.text("status", "") != "active"

    async def control(self, ctx: avatar_core.SinkContext, command: Mapping[str, Any]) -> None:
        """Send `set_emotion` to the avatar over the data channel of the room.

        Args:
            ctx: The room link and the record of the conversation.
            command: `set_emotion` under the key `name`, and one of `EMOTIONS` under `emotion`.

        Raises:
            UnsupportedCommandError: The command or the emotion is unknown.
            RoomError: The data packet could not be sent.
        """
        if command.get("name") != "set_emotion":
            await super().control(ctx, command)
        if (emotion := command.get("emotion")) not in EMOTIONS:
            raise avatar_core.UnsupportedCommandError(
                f"Tavus has no emotion {emotion!r:.40}.",
                provider=self.name,
                hint=f"Use one of these emotions: {', '.join(EMOTIONS)}.",
            )
        said = {"message_type": "conversation", "event_type": "conversation.set_emotion"}
        payload = json.dumps({**said, "properties": {"emotion": emotion}}).encode()
        await ctx.link.send("app_messages", payload, to=[ctx.avatar.identity], reliable=True)

    async def probe(self) -> None:
        """Check the key, the PAL and the face, without a paid conversation.

        The PAL must be in echo mode and use the LiveKit transport; the face must be ready.

        Raises:
            ProvisionError: The test mode is on, Tavus does not accept the key, the PAL or the face,
                or a call failed.
        """
        if self.settings.test_mode:
            raise self.invalid_config(*IN_TEST)
        id, make = self.settings.pal, "To create a suitable PAL, run `avatar tavus create-pal`."
        pal = await self._read("pals", id)
        if pal.text("pipeline_mode", "") != "echo":
            raise self.invalid_config(
                f"the PAL {id} is not in echo mode, so it does not speak the agent's audio.", make
            )
        if pal.text("layers.transport.transport_type", "") != "livekit":
            raise self.invalid_config(f"the PAL {id} does not use the LiveKit transport.", make)
        own_face = pal.text("default_face_id", "") or pal.text("default_replica_id", "")
        face = self.settings.face or own_face
        if not face:
            raise self.invalid_config(f"the PAL {id} has no default face.", "Set TAVUS_FACE_ID.")
        state = (await self._read("faces", face)).text("status", "completed")
        if state != "completed":
            raise self.invalid_config(
                f"the face {face} is not ready ({state}).", "Choose another face."
            )

    async def _read(self, kind: str, id: str, accept: Sequence[int] = ()) -> avatar_core.Response:
        response = await self.rest.call("GET", f"/{kind}/{quote(id, safe='')}", accept=accept)
        return response.first("data") if "data" in response else response
