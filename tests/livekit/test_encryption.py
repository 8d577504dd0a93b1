"""A room with end-to-end encryption: our worker has the key, and a vendor is not paid."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import psutil
import pytest
from avatar_provider_mock import MockSettings
from livekit import rtc
from pydantic import SecretStr

from avatar_core.contracts.errors import Outcome, ProvisionError
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.registry.selection import Item
from avatar_core.rtc.join import join
from avatar_core.settings import AvatarSettings
from avatar_core.testing.listener import Listener
from avatar_core.testing.server import DevServer
from avatar_core.testing.server.tokens import create_token
from tests.livekit.live_conversation import (
    MORE_SPOKEN_WORDS,
    SPOKEN_WORDS,
    TEST_S,
    LiveConversation,
)
from tests.livekit.live_room import SMALL
from tests.livekit.test_laws import NeverProvider

pytestmark = pytest.mark.livekit

KEY = "a canary key of the room"
SALT = b"another salt"
STOCK = MockSettings(width=128, height=128, scenario="stock=1")


def options(key: bytes | None = KEY.encode()) -> rtc.E2EEOptions:
    """Return options of a participant, with a salt that is not the default."""
    return rtc.E2EEOptions(rtc.KeyProviderOptions(shared_key=key, ratchet_salt=SALT))


class EncryptedConversation(LiveConversation):
    """A conversation whose agent and user share a key.

    Attributes:
        encryption: The options of the agent.
    """

    encryption: rtc.E2EEOptions

    def __init__(
        self, server: DevServer, chain: Item = SMALL, key: str | None = KEY, **more: Any
    ) -> None:
        settings = AvatarSettings.load(e2ee_key=key and SecretStr(key))
        super().__init__(server, chain, settings=settings, **more)
        self.encryption = options()

    async def connect_agent(self) -> None:
        """Let the agent join the room with its key."""
        token = create_token(self.server, self.room_name, "agent", "agent")
        await self.room.connect(self.server.url, token, rtc.RoomOptions(encryption=self.encryption))

    async def join_listener(self) -> None:
        """Let the user join with the same key."""
        token = create_token(self.server, self.room_name, "user")
        link = await join(self.server.url, token, subscribe=True, encryption=options())
        self.listener = Listener(link, self.meter.add)


@pytest.mark.alone
@pytest.mark.parametrize(
    "chain",
    [
        pytest.param(SMALL, id="reports", marks=pytest.mark.slow),
        pytest.param(STOCK, id="stock"),
    ],
)
async def test_worker_with_the_key_speaks_and_is_interrupted(
    chain: MockSettings, server: DevServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with asyncio.timeout(TEST_S), EncryptedConversation(server, chain) as conversation:
        process = psutil.Process(conversation.worker().pid)
        turn = conversation.say(SPOKEN_WORDS)
        await conversation.wait_for_word(SPOKEN_WORDS[4])
        turn.handle.interrupt()
        await turn.handle
        await conversation.wait_for_silence()
        await conversation.say_all(MORE_SPOKEN_WORDS)
        conversation.check(cut=SPOKEN_WORDS)
        assert conversation.avatar.provider == "mock"
        assert conversation.errors == []
        publications = conversation.listener.link.room.remote_participants[
            conversation.avatar.avatar_identity
        ].track_publications.values()
        assert {one.encryption_type for one in publications} == {rtc.EncryptionType.GCM}
        shown = f"{process.cmdline()} {process.environ()} {caplog.text} {conversation.avatar!r}"
        assert KEY not in shown


async def test_no_paid_session_starts_in_an_encrypted_room(server: DevServer) -> None:
    requests: list[ProvisionRequest] = []

    class Vendor(NeverProvider):
        """A vendor that records the requests for a session."""

        async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
            requests.append(request)
            return await super().provision(request)

    registry = ProviderRegistry()
    registry.register("never", Vendor)
    conversation = EncryptedConversation(server, "never", registry=registry)
    async with asyncio.timeout(TEST_S), conversation:
        error = conversation.avatar.last_error
        assert isinstance(error, ProvisionError)
        assert error.outcome is Outcome.NOT_SENT
        assert "end-to-end encrypted, and the vendor has no key" in str(error)
        assert requests == []


@pytest.mark.parametrize(
    ("key", "encryption", "problem"),
    [
        (None, options(), "the worker has no key"),
        ("another key", options(), "AVATAR_E2EE_KEY is not the key of the room"),
        (KEY, options(None), "no shared key"),
    ],
    ids=["missing", "wrong", "per-participant"],
)
async def test_worker_without_the_key_of_the_room_raises_before_the_worker_starts(
    key: str | None, encryption: rtc.E2EEOptions, problem: str, server: DevServer
) -> None:
    conversation = EncryptedConversation(server, key=key)
    conversation.encryption = encryption
    async with asyncio.timeout(TEST_S), conversation:
        error = conversation.avatar.last_error
        assert isinstance(error, ProvisionError)
        assert error.outcome is Outcome.NOT_SENT
        assert problem in str(error)
        assert KEY not in str(error)
        if encryption.key_provider_options.shared_key:
            conversation.say(MORE_SPOKEN_WORDS)
            await conversation.wait_for_word(MORE_SPOKEN_WORDS[-1])  # users can decrypt the voice
