"""Public names for tests of applications and providers. The module does not import pytest."""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers know this name; importing `typing` takes 8 of 11 ms
if TYPE_CHECKING:
    from avatar_core.contracts.errors import ServerError
    from avatar_core.http.memory import FakeResponse, MemoryTransport
    from avatar_core.testing.audio.tones import VOCABULARY, HeardWord, WordTones
    from avatar_core.testing.clock import run
    from avatar_core.testing.conversation import IN_MEMORY, Conversation, Turn
    from avatar_core.testing.fake_vendor.account import (
        CapacityReachedError,
        OutOfCreditError,
        VendorAccount,
        VendorSession,
    )
    from avatar_core.testing.fake_vendor.fake import FakeVendor, json_response
    from avatar_core.testing.fake_vendor.faults import FAULTS, VendorFault
    from avatar_core.testing.fake_vendor.http_server import serve_http
    from avatar_core.testing.fake_vendor.launcher import make_launcher
    from avatar_core.testing.faults.scenario import Scenario
    from avatar_core.testing.faults.start import start_faulty_worker
    from avatar_core.testing.faults.worker_process import start_faulty_process
    from avatar_core.testing.flash_renderer import FlashRenderer
    from avatar_core.testing.room.link import MemoryLink
    from avatar_core.testing.room.room import MemoryRoom
    from avatar_core.testing.script import ScriptedLLM, ToneAgent
    from avatar_core.testing.server import DevServer

__all__ = [
    "FAULTS",
    "IN_MEMORY",
    "VOCABULARY",
    "CapacityReachedError",
    "Conversation",
    "DevServer",
    "FakeResponse",
    "FakeVendor",
    "FlashRenderer",
    "HeardWord",
    "MemoryLink",
    "MemoryRoom",
    "MemoryTransport",
    "OutOfCreditError",
    "Scenario",
    "ScriptedLLM",
    "ServerError",
    "ToneAgent",
    "Turn",
    "VendorAccount",
    "VendorFault",
    "VendorSession",
    "WordTones",
    "json_response",
    "make_launcher",
    "run",
    "serve_http",
    "start_faulty_process",
    "start_faulty_worker",
]

_HOMES = {
    "contracts.errors": "ServerError",
    "http.memory": "MemoryTransport FakeResponse",
    "testing.audio.tones": "VOCABULARY HeardWord WordTones",
    "testing.clock": "run",
    "testing.conversation": "IN_MEMORY Conversation Turn",
    "testing.fake_vendor.account": (
        "CapacityReachedError OutOfCreditError VendorAccount VendorSession"
    ),
    "testing.fake_vendor.fake": "FakeVendor json_response",
    "testing.fake_vendor.faults": "FAULTS VendorFault",
    "testing.fake_vendor.http_server": "serve_http",
    "testing.fake_vendor.launcher": "make_launcher",
    "testing.faults.scenario": "Scenario",
    "testing.faults.start": "start_faulty_worker",
    "testing.faults.worker_process": "start_faulty_process",
    "testing.flash_renderer": "FlashRenderer",
    "testing.room.link": "MemoryLink",
    "testing.room.room": "MemoryRoom",
    "testing.script": "ScriptedLLM ToneAgent",
    "testing.server": "DevServer",
}

if not TYPE_CHECKING:  # a type checker must find that a misspelt name does not exist
    from avatar_core.lazy import find_names

    __getattr__ = find_names(__name__, _HOMES)

    def __dir__():
        return list(__all__)
