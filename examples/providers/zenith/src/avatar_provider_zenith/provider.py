"""The requests to Zenith, and the messages of its WebSocket."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from avatar_core import AudioFormat, Capabilities, ProvisionRequest, SocketFact, Take
from avatar_core import WebSocketAvatarProvider as Base
from pydantic import SecretStr

from avatar_provider_zenith.settings import ZenithSettings


class ZenithProvider(Base[ZenithSettings]):
    """The provider for Zenith."""

    name = "zenith"
    api_version = (1, 0)
    capabilities = Capabilities(
        audio=AudioFormat(24_000),  # the format that the vendor expects
        expected_join_s=3.0,  # the typical time from the request to the first video frame
        reports_started=True,  # whether the vendor sends the event of a start
        playout_latency_s=0.1,  # seconds from a message to its sound
    )
    auth = "Authorization: Bearer"  # the header of the API key
    create = "POST /v1/sessions"
    session_key = "id"  # the key of the session id in the response
    socket_key = "ws_url"  # the key of the socket's URL in the response
    end = "POST /v1/sessions/{id}/end"
    idempotency = "Idempotency-Key"  # empty if the vendor accepts no such header
    waits_for_ready = True  # whether the vendor accepts audio only after the event `ready`
    max_chunk_s = 1.0  # the most seconds of audio in a message
    keep_alive_s = 60.0  # seconds between two messages that keep the session alive

    def payload(self, request: ProvisionRequest) -> Mapping[str, Any]:
        """Return the body of the request that creates a session.

        Args:
            request: The room to join, and the function that creates the room token.

        Returns:
            The body.
        """
        return {
            "name": request.key,
            "face_id": self.settings.face_id,
            "livekit_url": request.livekit_url,
            "livekit_token": SecretStr(request.avatar_token()),
        }

    def encode_begin(self, take: Take) -> str:
        """Return the message that begins a take.

        Args:
            take: The take whose audio follows.

        Returns:
            The message.
        """
        return json.dumps({"type": "begin", "take": take.id})

    def encode(self, chunk: bytes, take: Take) -> str:
        """Return the message that sends audio.

        Args:
            chunk: PCM in the format of the capabilities.
            take: The take of the audio.

        Returns:
            The message.
        """
        return json.dumps({"type": "audio", "pcm": base64.b64encode(chunk).decode()})

    def encode_end(self, take: Take) -> str:
        """Return the message after the last audio of a take.

        Args:
            take: The take whose audio is complete.

        Returns:
            The message.
        """
        return json.dumps({"type": "end"})

    def encode_cut(self, take: Take) -> str:
        """Return the message that makes the avatar stop and drop its unheard audio.

        Args:
            take: The take to stop.

        Returns:
            The message.
        """
        return json.dumps({"type": "cut"})

    def encode_keep_alive(self) -> str:
        """Return the message that keeps the session alive.

        Returns:
            The message.
        """
        return json.dumps({"type": "alive"})

    def on_message(self, message: str | bytes) -> SocketFact | None:
        """Return the fact that an event of the vendor states.

        Args:
            message: The event as JSON.

        Returns:
            The fact; None for an event without a fact.
        """
        event = json.loads(message)
        match event["type"]:
            case "ready":
                return SocketFact("ready")
            case "started" | "position" | "finished" as kind:
                return SocketFact(kind, event["take"], event["seconds"])
            case "error" | "ended" as kind:
                return SocketFact(kind, text=event["message"])
        return None
