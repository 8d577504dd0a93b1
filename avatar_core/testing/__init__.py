"""Public names for tests of applications and providers. The module does not import pytest."""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers know this name; importing `typing` takes 8 of 11 ms
if TYPE_CHECKING:
    from avatar_core.contracts.errors import ServerError
    from avatar_core.http.memory import FakeResponse, MemoryTransport
    from avatar_core.testing.audio.tones import VOCABULARY, HeardWord, WordTones
    from avatar_core.testing.call.call import AvatarCall
    from avatar_core.testing.call.fixture import CallFactory
    from avatar_core.testing.clock import run
    from avatar_core.testing.conversation import Conversation
    from avatar_core.testing.fake_vendor.account import (
        CapacityReachedError,
        OutOfCreditError,
        VendorAccount,
        VendorSession,
    )
    from avatar_core.testing.fake_vendor.expected import ExpectedError
    from avatar_core.testing.fake_vendor.fake import FakeVendor
    from avatar_core.testing.fake_vendor.faults import FAULTS, VendorFault
    from avatar_core.testing.fake_vendor.front import VendorFront
    from avatar_core.testing.fake_vendor.http_server import serve_http
    from avatar_core.testing.fake_vendor.launcher import launch_no_worker, make_launcher
    from avatar_core.testing.fake_vendor.recorded import RecordedRequest
    from avatar_core.testing.fake_vendor.refusal import (
        RefusedError,
        check_room,
        read_object,
        read_text,
    )
    from avatar_core.testing.fake_vendor.responses import json_response
    from avatar_core.testing.fake_vendor.socket_dialog import Command
    from avatar_core.testing.fake_vendor.socket_faults import SOCKET_FAULTS, SocketFault
    from avatar_core.testing.fake_vendor.socket_vendor import SocketVendor
    from avatar_core.testing.faults.by_name import FAULT_NAMES
    from avatar_core.testing.faults.scenario import Scenario
    from avatar_core.testing.faults.start import start_faulty_worker
    from avatar_core.testing.faults.worker_process import start_faulty_process
    from avatar_core.testing.flash_renderer import FlashRenderer
    from avatar_core.testing.room.context import IN_MEMORY
    from avatar_core.testing.room.link import MemoryLink
    from avatar_core.testing.room.room import MemoryRoom
    from avatar_core.testing.script import ScriptedLLM, ToneAgent
    from avatar_core.testing.scripted_realtime import ScriptedRealtimeModel
    from avatar_core.testing.server import DevServer
    from avatar_core.testing.stock_plugin import (
        Difference,
        check_differences,
        find_differences,
        record_provider_requests,
        record_stock_requests,
        token_differences,
    )
    from avatar_core.testing.suites.provider_suite import ProviderSuite
    from avatar_core.testing.suites.renderer_suite import RendererSuite
    from avatar_core.testing.suites.socket_suite import SocketTransportSuite
    from avatar_core.testing.suites.transport.far_end import FarEnd, TransportParts
    from avatar_core.testing.suites.transport.speaker import HeardPiece, Speaker
    from avatar_core.testing.suites.transport_suite import TransportSuite
    from avatar_core.testing.tone_tts import ToneTTS
    from avatar_core.testing.turn import Turn

__all__ = [
    "FAULTS",
    "FAULT_NAMES",
    "IN_MEMORY",
    "SOCKET_FAULTS",
    "VOCABULARY",
    "AvatarCall",
    "CallFactory",
    "CapacityReachedError",
    "Command",
    "Conversation",
    "DevServer",
    "Difference",
    "ExpectedError",
    "FakeResponse",
    "FakeVendor",
    "FarEnd",
    "FlashRenderer",
    "HeardPiece",
    "HeardWord",
    "MemoryLink",
    "MemoryRoom",
    "MemoryTransport",
    "OutOfCreditError",
    "ProviderSuite",
    "RecordedRequest",
    "RefusedError",
    "RendererSuite",
    "Scenario",
    "ScriptedLLM",
    "ScriptedRealtimeModel",
    "ServerError",
    "SocketFault",
    "SocketTransportSuite",
    "SocketVendor",
    "Speaker",
    "ToneAgent",
    "ToneTTS",
    "TransportParts",
    "TransportSuite",
    "Turn",
    "VendorAccount",
    "VendorFault",
    "VendorFront",
    "VendorSession",
    "WordTones",
    "check_differences",
    "check_room",
    "find_differences",
    "json_response",
    "launch_no_worker",
    "make_launcher",
    "read_object",
    "read_text",
    "record_provider_requests",
    "record_stock_requests",
    "run",
    "serve_http",
    "start_faulty_process",
    "start_faulty_worker",
    "token_differences",
]

_HOMES = {
    "contracts.errors": "ServerError",
    "http.memory": "FakeResponse MemoryTransport",
    "testing.audio.tones": "HeardWord VOCABULARY WordTones",
    "testing.call.call": "AvatarCall",
    "testing.call.fixture": "CallFactory",
    "testing.clock": "run",
    "testing.conversation": "Conversation",
    "testing.fake_vendor.account": (
        "CapacityReachedError OutOfCreditError VendorAccount VendorSession"
    ),
    "testing.fake_vendor.expected": "ExpectedError",
    "testing.fake_vendor.fake": "FakeVendor",
    "testing.fake_vendor.faults": "FAULTS VendorFault",
    "testing.fake_vendor.front": "VendorFront",
    "testing.fake_vendor.http_server": "serve_http",
    "testing.fake_vendor.launcher": "launch_no_worker make_launcher",
    "testing.fake_vendor.recorded": "RecordedRequest",
    "testing.fake_vendor.refusal": "RefusedError check_room read_object read_text",
    "testing.fake_vendor.responses": "json_response",
    "testing.fake_vendor.socket_dialog": "Command",
    "testing.fake_vendor.socket_faults": "SOCKET_FAULTS SocketFault",
    "testing.fake_vendor.socket_vendor": "SocketVendor",
    "testing.faults.by_name": "FAULT_NAMES",
    "testing.faults.scenario": "Scenario",
    "testing.faults.start": "start_faulty_worker",
    "testing.faults.worker_process": "start_faulty_process",
    "testing.flash_renderer": "FlashRenderer",
    "testing.room.context": "IN_MEMORY",
    "testing.room.link": "MemoryLink",
    "testing.room.room": "MemoryRoom",
    "testing.script": "ScriptedLLM ToneAgent",
    "testing.scripted_realtime": "ScriptedRealtimeModel",
    "testing.server": "DevServer",
    "testing.stock_plugin": (
        "Difference check_differences find_differences "
        "record_provider_requests record_stock_requests token_differences"
    ),
    "testing.suites.provider_suite": "ProviderSuite",
    "testing.suites.renderer_suite": "RendererSuite",
    "testing.suites.socket_suite": "SocketTransportSuite",
    "testing.suites.transport.far_end": "FarEnd TransportParts",
    "testing.suites.transport.speaker": "HeardPiece Speaker",
    "testing.suites.transport_suite": "TransportSuite",
    "testing.tone_tts": "ToneTTS",
    "testing.turn": "Turn",
}

if not TYPE_CHECKING:  # a type checker must find that a misspelt name does not exist
    from avatar_core.lazy import find_names

    __getattr__ = find_names(__name__, _HOMES)

    def __dir__():
        return list(__all__)
