"""A provider for LemonSlice, which creates, controls and ends sessions in LiveKit rooms."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, get_args
from urllib.parse import quote

from pydantic import SecretStr

import avatar_core
from avatar_core import ProvisionedAvatar, ProvisionRequest, SinkContext
from avatar_provider_lemonslice.controls import Action
from avatar_provider_lemonslice.settings import ROUTE, LemonSliceSettings

__all__ = ["LemonSliceProvider", "LemonSliceSettings"]

TOPICS = {"ls.action": get_args(Action), "ls.user-state": ("speaking", "idle")}
"""The commands that are data packets, by their topics, and the values that they accept."""
EVENTS = {"update-agent-prompt", "update-idle-prompt", "update-image"}
EVENTS |= {"pose-trigger", "reset-idle-timeout"}
"""The commands that are calls of the API, by their events."""


class LemonSliceProvider(avatar_core.RestAvatarProvider[LemonSliceSettings]):
    """A provider that creates sessions at LemonSlice, and ends them with a control event."""

    name = "lemonslice"
    api_version = (1, 0)
    capabilities = avatar_core.Capabilities(
        reports_started=True, expected_join_s=75.0, commands=frozenset({*TOPICS, *EVENTS})
    )
    auth = "X-API-Key"
    create, session_key = f"POST {ROUTE}", "session_id"
    end, end_payload = f"POST {ROUTE}/{{id}}/control", {"event": "terminate"}
    ended_statuses: ClassVar[tuple[int, ...]] = ()

    def setup(self) -> None:
        """Create the REST client, and adapt audio format and session limit to the settings.

        Raises:
            ConfigError: The URL is invalid, or the key cannot be sent in a header.
        """
        super().setup()
        audio = avatar_core.AudioFormat(self.settings.audio_sample_rate)
        limit_s = self.settings.max_session_s
        self.capabilities = replace(self.capabilities, audio=audio, max_session_s=limit_s)

    def payload(self, request: ProvisionRequest) -> Mapping[str, Any]:
        """Return the body of a create request.

        Args:
            request: The room to join.

        Returns:
            The face, the options of the settings, and in `properties` the URL of the LiveKit server
            and the room token.
        """
        url, token = request.livekit_url, SecretStr(request.avatar_token())
        room = {"livekit_url": url, "livekit_token": token}
        return {"transport_type": "livekit", "properties": room, **self.settings.payload()}

    async def is_ended(self, avatar: ProvisionedAvatar) -> bool:
        """Check whether a session has ended or is unknown.

        The documentation does not say how LemonSlice responds to `terminate` for a session that
        has ended or is queued. This method therefore reads the state of the session.

        Args:
            avatar: The record of the session.

        Returns:
            False if LemonSlice reports the session as queued or active, otherwise True.

        Raises:
            ProvisionError: The call failed.
        """
        path = f"{ROUTE}/{quote(avatar.session_id, safe='')}"
        shown = await self.rest.call("GET", path, accept=(404,))
        return shown.text("session_status", "") not in ("QUEUED", "ACTIVE")

    async def control(self, ctx: SinkContext, command: Mapping[str, Any]) -> None:
        """Send a command to the avatar: a data packet or a call of the API.

        Args:
            ctx: The room link and the record of the session.
            command: A topic or an event of LemonSlice under the key `name`, and its fields.

        Raises:
            UnsupportedCommandError: The command is unknown, or a data packet has invalid fields.
            RoomError: The data packet could not be sent.
            ProvisionError: LemonSlice refused the command, or the call failed.
        """
        name, fields = str(command.get("name")), {**command}
        fields.pop("name", None)
        if name in TOPICS:
            if not all(value in TOPICS[name] for value in fields.values() or [None]):
                hint = f"Use one of these values: {', '.join(TOPICS[name])}."
                said = f"LemonSlice does not accept the value of the command {name!r}."
                raise avatar_core.UnsupportedCommandError(said, hint=hint)
            to = [ctx.avatar.identity]
            await ctx.link.send(name, json.dumps(fields).encode(), to=to, reliable=True)
        elif name in EVENTS:
            path = f"{ROUTE}/{quote(ctx.avatar.session_id, safe='')}/control"
            await self.rest.call("POST", path, {"event": name, **fields})
        else:
            await super().control(ctx, command)

    async def probe(self) -> None:
        """Check the key with the list of sessions. LemonSlice has no call that checks the face.

        Raises:
            ProvisionError: LemonSlice does not accept the key, or the call failed.
        """
        await self.rest.call("GET", f"{ROUTE}?limit=1")
