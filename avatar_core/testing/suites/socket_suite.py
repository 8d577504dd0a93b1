"""The suite for the socket of a provider that is based on `WebSocketAvatarProvider`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import ClassVar

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.clock import loop_time
from avatar_core.contracts.provider import SinkContext
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.testing.fake_vendor.account import VendorAccount
from avatar_core.testing.fake_vendor.launcher import launch_no_worker
from avatar_core.testing.fake_vendor.socket_vendor import SocketVendor
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.room.workers import MemoryWorkers, mint
from avatar_core.testing.suites.check import CheckFailed
from avatar_core.testing.suites.provider.subject import ProviderSubject
from avatar_core.testing.suites.transport.far_end import TransportParts
from avatar_core.testing.suites.transport.socket_far_end import SocketFarEnd
from avatar_core.testing.suites.transport_suite import TransportSuite

LIVEKIT_URL = "wss://my-project.livekit.cloud"
"""A public URL, so that the vendor could connect to the server. Nothing connects to it."""
DEADLINE_S = 5.0


class SocketTransportSuite(ProviderSubject, TransportSuite):
    """The checks of `TransportSuite` for the socket of a provider.

    The far end plays the audio of the socket, and sends the messages of the fake vendor:

        class TestAcmeTransport(SocketTransportSuite):
            provider = AcmeProvider
            vendor = AcmeVendor
            settings = {"api_key": "vendor-key"}

    Attributes:
        provider: The provider class, a subclass of `WebSocketAvatarProvider`.
        vendor: The fake of the vendor, a subclass of `SocketVendor`.
        settings: Values of the settings by the name of the field, with all required settings.
        impossible: The reason for each fault that the vendor cannot have, by its name in
            `FarEnd.impossible`, for example `{"late end": "the vendor reports no ends"}`.
    """

    impossible: ClassVar[Mapping[str, str]] = {}

    async def create(self) -> TransportParts:
        """Create a session at the fake vendor, and the sink and the tracker of its socket.

        Returns:
            The sink, the tracker and the far end.

        Raises:
            CheckFailed: `vendor` is not a `SocketVendor`, or the provider creates no sink.
            ProvisionError: The vendor created no session.
        """
        room = MemoryRoom()
        vendor = self.make_vendor(VendorAccount(launch_no_worker))
        if not isinstance(vendor, SocketVendor):
            raise CheckFailed(
                f"{vendor!r} is not a SocketVendor.",
                "Set the attribute `vendor` of the suite to a subclass of SocketVendor.",
            )
        far_end = SocketFarEnd(vendor, self.impossible)
        far_end.resources.push_async_callback(vendor.aclose)
        cls = self.connect(vendor, vendor.transport)
        names = {"connect": far_end.connect, "__module__": cls.__module__}
        provider = type(cls.__name__, (cls,), names)(self.load_settings())
        far_end.resources.push_async_callback(provider.aclose)
        self.capabilities = provider.capabilities
        vendor.limits = vendor.limits or provider.socket_options()
        avatar = await provider.provision(_make_request(room))
        await _join(room, avatar, provider.capabilities.audio or self.format)
        ctx = SinkContext(
            link=room.agent(),
            avatar=avatar,
            capabilities=provider.capabilities,
            clock=loop_time,
            log=logging.LoggerAdapter(logging.getLogger("avatar_core"), {}),
        )
        sink, tracker = provider.create_sink(ctx), provider.create_tracker(ctx)
        if sink is None or tracker is None:
            raise CheckFailed(
                "The provider creates no sink or no tracker.",
                "Derive the provider from WebSocketAvatarProvider.",
            )
        return TransportParts(sink, tracker, far_end)

    @classmethod
    def describe(cls) -> Mapping[str, str]:
        """Return what the report says about the transport.

        Returns:
            Texts by name.
        """
        return {**super().describe(), "kind": "transport"}


def _make_request(room: MemoryRoom) -> ProvisionRequest:
    return ProvisionRequest(
        key="suite-room-1",
        livekit_url=LIVEKIT_URL,
        room_name=room.name,
        agent_identity=room.agent().identity,
        identity="avatar-1",
        deadline_s=DEADLINE_S,
        mint=mint,
        claim=lambda _: None,
        start_worker=MemoryWorkers(room),
    )


async def _join(room: MemoryRoom, avatar: ProvisionedAvatar, audio: AudioFormat) -> None:
    """Let the participant of an avatar join, and publish the tracks that the sink waits for."""
    link = room.join(avatar.identity)
    await link.publish_audio(audio, name="audio")
    await link.publish_video(64, 64, 25.0, name="video")
