"""Rooms with end-to-end encryption, in memory, and the key of the settings."""

from __future__ import annotations

import asyncio
from base64 import b64encode

import pytest
from avatar_provider_local import LocalProvider, LocalSettings
from avatar_provider_mock import MockProvider, MockSettings
from livekit import rtc

from avatar_core.agents.create import create_avatar
from avatar_core.contracts.errors import Outcome, ProvisionError, RoomError, SettingsError
from avatar_core.contracts.events import AvatarState
from avatar_core.failover.audience import DECRYPTS_S
from avatar_core.provisioning.lease import Lease
from avatar_core.rtc.encryption import describe_encryption, is_encrypted, read_encryption
from avatar_core.settings import AvatarSettings
from avatar_core.testing.conversation import Conversation
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.scripted_provider import ScriptedProvider

pytestmark = pytest.mark.virtual_time

KEY = "a canary key"


async def test_no_paid_session_starts_in_an_encrypted_room(room: MemoryRoom) -> None:
    provider = ScriptedProvider(room)
    agent = room.join("agent", is_agent=True, key=KEY.encode())
    context = agent.session_context(AvatarSettings.load(e2ee_key=KEY))
    with pytest.raises(ProvisionError, match="the vendor has no key") as caught:
        await Lease.provision(provider, context)
    assert caught.value.outcome is Outcome.NOT_SENT
    assert caught.value.provider == provider.name
    assert "AVATAR_E2EE_KEY" in caught.value.hint
    assert provider.provisioned == []


@pytest.mark.parametrize("scenario", ["", "stock=1"])
async def test_worker_with_the_key_speaks(scenario: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_E2EE_KEY", KEY)
    room = MemoryRoom()
    room.join("agent", is_agent=True, key=KEY.encode())
    mock = MockSettings(width=64, height=64, scenario=scenario)
    async with Conversation(create_avatar(mock), room) as conversation:
        await conversation.avatar.wait_for_join(timeout=10.0)
        turn = conversation.say(6)
        await conversation.over(turn)
        assert [word.word for word in turn.heard] == list(turn.spoken_words)
        assert conversation.avatar.state is AvatarState.LIVE
        assert conversation.avatar.last_error is None


@pytest.mark.parametrize(
    ("key", "problem"), [(None, "the worker has no key"), ("other", "is not the key of the room")]
)
async def test_worker_without_the_key_raises_and_the_voice_speaks(
    key: str | None, problem: str
) -> None:
    room = MemoryRoom()
    room.join("agent", is_agent=True, key=KEY.encode())
    avatar = create_avatar(
        MockSettings(width=64, height=64), settings=AvatarSettings.load(e2ee_key=key)
    )
    async with Conversation(avatar, room) as conversation:
        assert problem in str(avatar.last_error)
        assert KEY not in str(avatar.last_error)
        turn = conversation.say(3)
        await conversation.over(turn)
        assert [word.word for word in turn.heard] == list(turn.spoken_words)
    assert set(room.speaks_for) == {"agent"}


async def test_key_is_ignored_in_a_room_without_encryption() -> None:
    avatar = create_avatar(
        MockSettings(width=64, height=64), settings=AvatarSettings.load(e2ee_key=KEY)
    )
    async with Conversation(avatar) as conversation:
        await avatar.wait_for_join(timeout=10.0)
        await conversation.over(conversation.say(2))
        assert avatar.state is AvatarState.LIVE


@pytest.mark.parametrize("key", [None, KEY.encode()])
async def test_speech_waits_until_a_new_subscriber_can_decrypt_it(key: bytes | None) -> None:
    room = MemoryRoom()
    room.join("agent", is_agent=True, key=key)
    async with Conversation(create_avatar("voice"), room) as conversation:
        turn = conversation.say(2)
        await conversation.over(turn)
        waited_s = room.recording.runs[0].at_s - turn.said_at
    assert (waited_s >= DECRYPTS_S) == (key is not None)


async def test_only_participants_with_the_key_receive_encrypted_messages(room: MemoryRoom) -> None:
    sender = room.join("sender", key=b"key")
    received: list[str] = []
    for identity, key in (("friend", b"key"), ("stranger", None), ("other", b"another")):
        link = room.join(identity, key=key)
        link.on_data("topic", lambda _, __, identity=identity: received.append(identity))  # type: ignore[misc]
        link.serve("method", lambda _, __: "ok")
    everybody = ["friend", "stranger", "other"]
    await sender.send("topic", b"hello", to=everybody)
    await asyncio.sleep(0.1)
    assert received == ["friend"]
    assert await sender.call("friend", "method", "", timeout_s=1.0) == "ok"
    with pytest.raises(RoomError):
        await sender.call("stranger", "method", "", timeout_s=1.0)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (KEY, KEY.encode()),
        ("schlüssel", "schlüssel".encode()),
        (f"base64:{b64encode(bytes(32)).decode()}", bytes(32)),
    ],
)
def test_key_is_text_or_base64(text: str, key: bytes) -> None:
    settings = AvatarSettings.load(e2ee_key=text)
    assert settings.room_key() == key
    assert text not in repr(settings)


@pytest.mark.parametrize("text", ["base64:a canary key", "base64:"])
def test_invalid_key_raises_settings_error_without_the_key(text: str) -> None:
    with pytest.raises(SettingsError, match="AVATAR_E2EE_KEY") as caught:
        AvatarSettings.load(e2ee_key=text)
    assert "canary" not in str(caught.value)


class Manager:
    """A double of `E2EEManager` of livekit.rtc, whose calls need no native library."""

    def __init__(self, options: rtc.E2EEOptions | None, exported: bytes = b"") -> None:
        self.options = options
        self.enabled = options is not None
        self.key_provider = self
        self._exported = exported

    def export_shared_key(self, key_index: int) -> bytes:
        assert key_index == 0
        return self._exported


class Room:
    """A double of a connected `rtc.Room`."""

    def __init__(self, manager: Manager) -> None:
        self.e2ee_manager = manager


def test_worker_process_receives_the_encryption_of_the_room() -> None:
    options = rtc.E2EEOptions(
        rtc.KeyProviderOptions(shared_key=b"\0\xff key", ratchet_salt=b"salt", key_ring_size=7)
    )
    described = describe_encryption(Room(Manager(options)), b"\0\xff key")  # type: ignore[arg-type]
    assert read_encryption(described) == options


def test_key_that_was_set_later_is_the_key_of_the_room() -> None:
    room = Room(Manager(rtc.E2EEOptions(), exported=b"later"))
    described = describe_encryption(room, b"later")  # type: ignore[arg-type]
    read = read_encryption(described)
    assert read is not None
    assert read.key_provider_options.shared_key == b"later"
    with pytest.raises(ProvisionError, match="AVATAR_E2EE_KEY is not the key of the room"):
        describe_encryption(room, b"earlier")  # type: ignore[arg-type]


def test_room_with_switched_off_encryption_needs_no_key() -> None:
    manager = Manager(rtc.E2EEOptions())
    manager.enabled = False
    for room in (Room(manager), Room(Manager(None))):
        assert not is_encrypted(room)  # type: ignore[arg-type]
        assert describe_encryption(room, None) is None  # type: ignore[arg-type]
    assert read_encryption(None) is None


def test_only_providers_with_our_worker_support_encryption() -> None:
    assert MockProvider(MockSettings()).capabilities.supports_encryption
    assert LocalProvider(LocalSettings()).capabilities.supports_encryption
    remote = LocalSettings(url="http://127.0.0.1:1", api_key="key")
    assert not LocalProvider(remote).capabilities.supports_encryption
