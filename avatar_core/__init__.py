"""The library avatar-core, which gives any LiveKit voice agent an avatar from any vendor.

The function `create_avatar` creates the avatar, and the variable `AVATAR_PROVIDER` selects the
vendor.
"""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers know this name; importing `typing` takes 8 of 11 ms
if TYPE_CHECKING:
    from avatar_core.agents.bridge.provider import plugin
    from avatar_core.agents.create import create_avatar
    from avatar_core.agents.session import AvatarSession
    from avatar_core.bases.renderer import RendererProvider
    from avatar_core.bases.rest import RestAvatarProvider
    from avatar_core.bases.socket_address import SocketAddress
    from avatar_core.bases.socket_messages import SocketFact, SocketMessages, SocketOptions
    from avatar_core.bases.socket_transport import SocketTransport
    from avatar_core.bases.websocket import WebSocketAvatarProvider
    from avatar_core.contracts.audio import AudioFormat
    from avatar_core.contracts.capabilities import Capabilities, SafeRetry
    from avatar_core.contracts.error_codes import ErrorCode
    from avatar_core.contracts.errors import (
        ApiVersionError,
        AudioError,
        AuthError,
        AvatarError,
        AvatarLostError,
        CapacityError,
        ConfigError,
        JoinTimeoutError,
        Outcome,
        PaymentError,
        ProtocolError,
        ProviderConflictError,
        ProviderLoadError,
        ProviderNotFoundError,
        ProvisionError,
        RejectedError,
        RoomError,
        SettingsError,
        TransportError,
        UnavailableError,
        UnsupportedCommandError,
        WorkerError,
    )
    from avatar_core.contracts.events import (
        AvatarEvent,
        AvatarFailed,
        AvatarJoined,
        AvatarState,
        StateChanged,
        TakeFinished,
    )
    from avatar_core.contracts.link import RoomLink
    from avatar_core.contracts.listening import RemoteAudio
    from avatar_core.contracts.participants import RemoteParticipant, RoomEvent
    from avatar_core.contracts.playback import PlaybackTracker, Take, TakeState
    from avatar_core.contracts.provider import AvatarProvider, SinkContext
    from avatar_core.contracts.provisioning import (
        ProvisionedAvatar,
        ProvisionRequest,
        StartWorker,
        TokenSpec,
    )
    from avatar_core.contracts.renderer import Renderer, VideoFrame
    from avatar_core.contracts.routing import Router
    from avatar_core.contracts.sink import AudioSink
    from avatar_core.contracts.streams import StreamReader, StreamWriter
    from avatar_core.contracts.tracks import AudioTrack, VideoTrack
    from avatar_core.http.client import RestClient
    from avatar_core.http.response import Response
    from avatar_core.registry.discovery import ProviderRegistry
    from avatar_core.registry.validation import ProviderInfo
    from avatar_core.rtc.worker_process import start_worker
    from avatar_core.settings import AvatarSettings, LiveKitSettings, ProviderSettings
    from avatar_core.worker.process import stop_worker, worker_exited
    from avatar_core.worker.worker import AvatarWorker

    __version__: str

__all__ = [
    "ApiVersionError",
    "AudioError",
    "AudioFormat",
    "AudioSink",
    "AudioTrack",
    "AuthError",
    "AvatarError",
    "AvatarEvent",
    "AvatarFailed",
    "AvatarJoined",
    "AvatarLostError",
    "AvatarProvider",
    "AvatarSession",
    "AvatarSettings",
    "AvatarState",
    "AvatarWorker",
    "Capabilities",
    "CapacityError",
    "ConfigError",
    "ErrorCode",
    "JoinTimeoutError",
    "LiveKitSettings",
    "Outcome",
    "PaymentError",
    "PlaybackTracker",
    "ProtocolError",
    "ProviderConflictError",
    "ProviderInfo",
    "ProviderLoadError",
    "ProviderNotFoundError",
    "ProviderRegistry",
    "ProviderSettings",
    "ProvisionError",
    "ProvisionRequest",
    "ProvisionedAvatar",
    "RejectedError",
    "RemoteAudio",
    "RemoteParticipant",
    "Renderer",
    "RendererProvider",
    "Response",
    "RestAvatarProvider",
    "RestClient",
    "RoomError",
    "RoomEvent",
    "RoomLink",
    "Router",
    "SafeRetry",
    "SettingsError",
    "SinkContext",
    "SocketAddress",
    "SocketFact",
    "SocketMessages",
    "SocketOptions",
    "SocketTransport",
    "StartWorker",
    "StateChanged",
    "StreamReader",
    "StreamWriter",
    "Take",
    "TakeFinished",
    "TakeState",
    "TokenSpec",
    "TransportError",
    "UnavailableError",
    "UnsupportedCommandError",
    "VideoFrame",
    "VideoTrack",
    "WebSocketAvatarProvider",
    "WorkerError",
    "create_avatar",
    "plugin",
    "start_worker",
    "stop_worker",
    "worker_exited",
]

_HOMES = {
    "agents.bridge.provider": "plugin",
    "agents.create": "create_avatar",
    "agents.session": "AvatarSession",
    "bases.renderer": "RendererProvider",
    "bases.rest": "RestAvatarProvider",
    "bases.socket_address": "SocketAddress",
    "bases.socket_messages": "SocketFact SocketMessages SocketOptions",
    "bases.socket_transport": "SocketTransport",
    "bases.websocket": "WebSocketAvatarProvider",
    "contracts.audio": "AudioFormat",
    "contracts.capabilities": "Capabilities SafeRetry",
    "contracts.error_codes": "ErrorCode",
    "contracts.errors": (
        "ApiVersionError AudioError AuthError AvatarError AvatarLostError CapacityError "
        "ConfigError JoinTimeoutError Outcome PaymentError ProtocolError "
        "ProviderConflictError ProviderLoadError ProviderNotFoundError ProvisionError "
        "RejectedError RoomError SettingsError TransportError UnavailableError "
        "UnsupportedCommandError WorkerError"
    ),
    "contracts.events": (
        "AvatarEvent AvatarFailed AvatarJoined AvatarState StateChanged TakeFinished"
    ),
    "contracts.link": "RoomLink",
    "contracts.listening": "RemoteAudio",
    "contracts.participants": "RemoteParticipant RoomEvent",
    "contracts.playback": "PlaybackTracker Take TakeState",
    "contracts.provider": "AvatarProvider SinkContext",
    "contracts.provisioning": "ProvisionedAvatar ProvisionRequest StartWorker TokenSpec",
    "contracts.renderer": "Renderer VideoFrame",
    "contracts.routing": "Router",
    "contracts.sink": "AudioSink",
    "contracts.streams": "StreamReader StreamWriter",
    "contracts.tracks": "AudioTrack VideoTrack",
    "http.client": "RestClient",
    "http.response": "Response",
    "registry.discovery": "ProviderRegistry",
    "registry.validation": "ProviderInfo",
    "rtc.worker_process": "start_worker",
    "settings": "AvatarSettings LiveKitSettings ProviderSettings",
    "worker.process": "stop_worker worker_exited",
    "worker.worker": "AvatarWorker",
}

if not TYPE_CHECKING:  # a type checker must find that `avatar_core.creat_avatar` does not exist
    from avatar_core.lazy import find_names

    _find_name = find_names(__name__, _HOMES)

    def __getattr__(name):
        if name == "__version__":
            from importlib.metadata import version

            return version("avatar-core")
        return _find_name(name)

    def __dir__():
        return [*__all__, "__version__"]
