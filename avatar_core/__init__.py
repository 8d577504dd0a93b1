"""A face for any LiveKit voice agent, with any vendor, by one config value."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from avatar_core.agents.create import create_avatar as create_avatar
    from avatar_core.agents.session import AvatarSession as AvatarSession
    from avatar_core.bases.renderer import RendererProvider as RendererProvider
    from avatar_core.bases.rest import RestAvatarProvider as RestAvatarProvider
    from avatar_core.contracts.audio import AudioFormat as AudioFormat
    from avatar_core.contracts.capabilities import Capabilities as Capabilities
    from avatar_core.contracts.capabilities import SafeRetry as SafeRetry
    from avatar_core.contracts.errors import AuthError as AuthError
    from avatar_core.contracts.errors import AvatarError as AvatarError
    from avatar_core.contracts.errors import CapacityError as CapacityError
    from avatar_core.contracts.errors import ConfigError as ConfigError
    from avatar_core.contracts.errors import Outcome as Outcome
    from avatar_core.contracts.errors import PaymentError as PaymentError
    from avatar_core.contracts.errors import ProtocolError as ProtocolError
    from avatar_core.contracts.errors import ProvisionError as ProvisionError
    from avatar_core.contracts.errors import RejectedError as RejectedError
    from avatar_core.contracts.errors import UnavailableError as UnavailableError
    from avatar_core.contracts.errors import UnsupportedCommandError as UnsupportedCommandError
    from avatar_core.contracts.errors import WorkerError as WorkerError
    from avatar_core.contracts.playback import PlaybackTracker as PlaybackTracker
    from avatar_core.contracts.playback import Take as Take
    from avatar_core.contracts.playback import TakeState as TakeState
    from avatar_core.contracts.provider import AvatarProvider as AvatarProvider
    from avatar_core.contracts.provider import SinkContext as SinkContext
    from avatar_core.contracts.provisioning import ProvisionedAvatar as ProvisionedAvatar
    from avatar_core.contracts.provisioning import ProvisionRequest as ProvisionRequest
    from avatar_core.contracts.provisioning import TokenSpec as TokenSpec
    from avatar_core.contracts.renderer import Renderer as Renderer
    from avatar_core.contracts.renderer import VideoFrame as VideoFrame
    from avatar_core.contracts.sink import AudioSink as AudioSink
    from avatar_core.http.client import RestClient as RestClient
    from avatar_core.http.memory import Served as Served
    from avatar_core.http.response import Response as Response
    from avatar_core.registry.discovery import ProviderRegistry as ProviderRegistry
    from avatar_core.rtc.worker_process import start_worker as start_worker
    from avatar_core.settings import ProviderSettings as ProviderSettings
    from avatar_core.testing.fake_vendor.account import CapacityReachedError as CapacityReachedError
    from avatar_core.testing.fake_vendor.account import OutOfCreditError as OutOfCreditError
    from avatar_core.testing.fake_vendor.account import VendorAccount as VendorAccount
    from avatar_core.testing.fake_vendor.account import VendorSession as VendorSession
    from avatar_core.testing.fake_vendor.fake import FakeVendor as FakeVendor
    from avatar_core.testing.fake_vendor.fake import reply as reply
    from avatar_core.testing.fake_vendor.faults import FAULTS as FAULTS
    from avatar_core.testing.fake_vendor.faults import VendorFault as VendorFault
    from avatar_core.testing.fake_vendor.http_server import served as served
    from avatar_core.testing.faults.scenario import Scenario as Scenario
    from avatar_core.worker.process import stop_worker as stop_worker
    from avatar_core.worker.process import worker_exited as worker_exited
    from avatar_core.worker.worker import AvatarWorker as AvatarWorker

_HOMES = {
    "agents.create": "create_avatar",
    "agents.session": "AvatarSession",
    "bases.renderer": "RendererProvider",
    "bases.rest": "RestAvatarProvider",
    "contracts.audio": "AudioFormat",
    "contracts.capabilities": "Capabilities SafeRetry",
    "contracts.errors": (
        "AuthError AvatarError CapacityError ConfigError Outcome PaymentError ProtocolError "
        "ProvisionError RejectedError UnavailableError UnsupportedCommandError WorkerError"
    ),
    "contracts.playback": "PlaybackTracker Take TakeState",
    "contracts.provider": ("AvatarProvider SinkContext"),
    "contracts.provisioning": "ProvisionedAvatar ProvisionRequest TokenSpec",
    "contracts.renderer": "VideoFrame Renderer",
    "contracts.sink": "AudioSink",
    "registry.discovery": "ProviderRegistry",
    "http.response": "Response",
    "http.client": "RestClient",
    "http.memory": "Served",
    "rtc.worker_process": "start_worker",
    "settings": "ProviderSettings",
    "testing.faults.scenario": "Scenario",
    "testing.fake_vendor.account": (
        "CapacityReachedError OutOfCreditError VendorAccount VendorSession"
    ),
    "testing.fake_vendor.fake": "FakeVendor reply",
    "testing.fake_vendor.faults": "FAULTS VendorFault",
    "testing.fake_vendor.http_server": "served",
    "worker.process": "stop_worker worker_exited",
    "worker.worker": "AvatarWorker",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("avatar-core")
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
