"""A provider for LiveAvatar of HeyGen, whose avatars receive the agent's audio over a WebSocket."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal
from urllib.parse import quote
from uuid import uuid4

from pydantic import SecretStr

import avatar_core
from avatar_core import ProvisionedAvatar, ProvisionRequest, Response, RestClient, SocketFact, Take
from avatar_provider_liveavatar.settings import SANDBOX_AVATAR, SANDBOX_S, LiveAvatarSettings

__all__ = ["LiveAvatarProvider", "LiveAvatarSettings", "set_listening"]

FACTS: dict[str, Literal["ready", "started", "finished", "ended"]] = {
    "connected": "ready",
    "closing": "ended",
    "closed": "ended",
    "agent.speak_started": "started",
    "agent.speak_ended": "finished",
    "agent.speak_interrupted": "finished",
}
"""The fact by the state in the event `session.state_updated`, or by the type of another event."""


async def set_listening(avatar: avatar_core.AvatarSession, listening: bool) -> None:
    """Let the current avatar show its listening pose, or its idle pose.

    Args:
        avatar: The avatar session of the agent.
        listening: Whether the avatar listens.

    Raises:
        UnsupportedCommandError: The current avatar is not of LiveAvatar.
        TransportError: The socket of the avatar is lost.
    """
    await avatar.control("set_listening", listening=listening)


class LiveAvatarProvider(avatar_core.WebSocketAvatarProvider[LiveAvatarSettings]):
    """A provider that creates a LITE session and starts it; the API key alone can end it."""

    name = "liveavatar"
    api_version = (1, 0)
    capabilities = avatar_core.Capabilities(
        audio=avatar_core.AudioFormat(24_000),
        reports_started=True,
        commands=frozenset({"set_listening"}),
    )
    auth = "X-API-KEY"
    create, session_key = "POST /v1/sessions/token", "data.session_id"
    end = "POST /v1/sessions/stop"
    end_payload: ClassVar = {"session_id": "{id}", "reason": "USER_DISCONNECTED"}
    socket_key, waits_for_ready = "data.ws_url", True
    first_chunk_s, min_chunk_s, max_chunk_s = 0.6, 0.6, 1.0
    pads_last = False  # agent.speak_end ends a speech, so the piece before it may be short
    keep_alive_s, reconnect_s = 60.0, 0.0

    def setup(self) -> None:
        """Create the REST client, and adapt the session limit to the settings.

        Raises:
            ConfigError: The URL is invalid, or the key cannot be sent in a header.
        """
        super().setup()
        cap_s = SANDBOX_S if self.settings.is_sandbox else self.settings.max_session_duration
        self.capabilities = replace(self.capabilities, max_session_s=cap_s)

    def payload(self, request: ProvisionRequest) -> Mapping[str, Any]:
        """Return the body of the request for a session token.

        Args:
            request: The room to join, and the identity of the avatar's participant.

        Returns:
            The options of the settings, and the room in `livekit_config`.
        """
        room = {
            "livekit_url": request.livekit_url,
            "livekit_room": request.room_name,
            "livekit_client_token": SecretStr(request.avatar_token()),
        }
        return {**self.settings.payload(), "livekit_config": room}

    async def start_session(
        self, avatar: ProvisionedAvatar, response: Response, request: ProvisionRequest
    ) -> Response:
        """Start the session with its token; the paid time begins with this request.

        Args:
            avatar: The record of the session.
            response: The response with the session token.
            request: The request that `provision` received.

        Returns:
            The response, which contains the URL of the socket.

        Raises:
            ProvisionError: The call failed. The session may have started.
        """
        token = response.secret("data.session_token")
        rest = RestClient(self.rest.url, key=token, provider=self.name, transport=self.transport)
        return await rest.call("POST", "/v1/sessions/start", timeout_s=request.deadline_s)

    async def is_ended(self, avatar: ProvisionedAvatar) -> bool:
        """Check whether a session has ended, after LiveAvatar refused to end it.

        Args:
            avatar: The record of the session.

        Returns:
            Whether the session is unknown or has a time of its end.

        Raises:
            ProvisionError: The call failed.
        """
        path = f"/v1/sessions/{quote(avatar.session_id, safe='')}"
        shown = await self.rest.call("GET", path, accept=(404,))
        return shown.status == 404 or "data.end_at" in shown

    # The messages of the socket.

    def encode(self, chunk: bytes, take: Take) -> str:
        """Return the command that adds audio to the playback buffer.

        Args:
            chunk: PCM, int16, mono, 24 kHz.
            take: The take, which the command does not name.

        Returns:
            The command `agent.speak`.
        """
        return _command("agent.speak", audio=base64.b64encode(chunk).decode())

    def encode_end(self, take: Take) -> tuple[str, ...]:
        """Return the commands after the last audio of a take.

        Args:
            take: The take, which the commands do not name.

        Returns:
            The command `agent.speak_end`, and the command for the listening pose.
        """
        return _command("agent.speak_end"), _command("agent.start_listening")

    def encode_cut(self, take: Take) -> str:
        """Return the command that stops the avatar and clears its playback buffer.

        Args:
            take: The take, which the command does not name.

        Returns:
            The command `agent.interrupt`.
        """
        return _command("agent.interrupt")

    def encode_keep_alive(self) -> str:
        """Return the command that keeps the session from its idle timeout of five minutes.

        Returns:
            The command `session.keep_alive`.
        """
        return _command("session.keep_alive")

    def on_message(self, message: str | bytes) -> SocketFact | None:
        """Return the fact that an event of LiveAvatar states.

        Args:
            message: The event as JSON.

        Returns:
            The fact; None for acknowledgements, warnings and errors of single commands.
        """
        event = json.loads(message)
        fact = FACTS.get(event.get("state", event["type"]))
        return SocketFact(fact) if fact is not None else None

    async def control(self, ctx: avatar_core.SinkContext, command: Mapping[str, Any]) -> None:
        """Send `set_listening` to the avatar over its socket.

        Args:
            ctx: The room link and the record of the session.
            command: `set_listening` under the key `name`, and a bool under `listening`.

        Raises:
            UnsupportedCommandError: The command is unknown.
            TransportError: The socket is lost.
        """
        if command.get("name") != "set_listening":
            await super().control(ctx, command)
        pose = "agent.start_listening" if command.get("listening") else "agent.stop_listening"
        await self.send(ctx.avatar, _command(pose))

    async def probe(self) -> None:
        """Check the key and the avatar, without a session.

        Raises:
            ProvisionError: LiveAvatar does not accept the key or the avatar, or a call failed.
        """
        id = self.settings.avatar
        if self.settings.is_sandbox and id != SANDBOX_AVATAR:
            hint = f"Set LIVEAVATAR_AVATAR_ID={SANDBOX_AVATAR}, or unset LIVEAVATAR_IS_SANDBOX."
            raise self.invalid_config(f"the sandbox does not accept the avatar {id}.", hint)
        found = await self.rest.call("GET", f"/v1/avatars/{id}")
        if (status := found.text("data.status", "ACTIVE")) != "ACTIVE":
            hint = "Choose another avatar."
            raise self.invalid_config(f"the avatar {id} is not ready ({status}).", hint)


def _command(kind: str, **fields: str) -> str:
    return json.dumps({"type": kind, "event_id": str(uuid4()), **fields})
