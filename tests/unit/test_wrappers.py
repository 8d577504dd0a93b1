"""Wrappers of links, renderers and streams forward everything that they do not change."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, get_origin, get_type_hints

import pytest

import avatar_core
from avatar_core.contracts import link as link_contract
from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.playback import PlaybackTracker
from avatar_core.contracts.renderer import Renderer
from avatar_core.contracts.sink import AudioSink
from avatar_core.contracts.streams import StreamReader, StreamWriter
from avatar_core.contracts.tracks import AudioTrack, VideoTrack
from avatar_core.router import SenderRouter
from avatar_core.testing.faults.fault_clock import FaultClock
from avatar_core.testing.faults.hang import Hang, HangingAudioTrack, HangingVideoTrack
from avatar_core.testing.faults.hanging_link import HangingLink
from avatar_core.testing.faults.intruder import OverheardLink
from avatar_core.testing.faults.link import FaultyLink
from avatar_core.testing.faults.link_wrapper import LinkWrapper
from avatar_core.testing.faults.renderer import FaultyExecutor, FaultyRenderer
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.testing.faults.stock_wire import StockReader, StockWireLink
from avatar_core.testing.faults.vendor_faults import VendorFaults
from avatar_core.testing.faults.vendor_link import VendorLink
from avatar_core.testing.faults.vendor_reader import VendorReader
from avatar_core.testing.faults.vendor_track import VendorTrack
from avatar_core.testing.link_spy import LinkSpy, WriterSpy
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.suites.renderer.worker import WrappedRenderer
from avatar_core.worker.executors import Executor

pytestmark = pytest.mark.virtual_time

ABSTRACT = (
    RoomLink,
    StreamReader,
    StreamWriter,
    AudioTrack,
    VideoTrack,
    Renderer,
    AudioSink,
    PlaybackTracker,
)
OWN = {"router"}
"""Attributes of the wrapper itself."""
NO_FAULTS = VendorFaults()

Wrap = Callable[[Any], Any]

WRAPPERS: dict[type, tuple[type, Wrap]] = {
    LinkWrapper: (RoomLink, LinkWrapper),
    FaultyLink: (RoomLink, lambda link: FaultyLink(link, Scenario())),
    OverheardLink: (RoomLink, lambda link: OverheardLink(link, Scenario(), Spy.of(RoomLink))),
    StockWireLink: (RoomLink, StockWireLink),
    StockReader: (StreamReader, StockReader),
    HangingLink: (RoomLink, HangingLink),
    HangingAudioTrack: (AudioTrack, lambda track: HangingAudioTrack(track, Hang())),
    HangingVideoTrack: (VideoTrack, lambda track: HangingVideoTrack(track, Hang())),
    VendorLink: (RoomLink, lambda link: VendorLink(link, NO_FAULTS, FaultClock(NO_FAULTS))),
    VendorReader: (StreamReader, lambda reader: VendorReader(reader, NO_FAULTS)),
    VendorTrack: (AudioTrack, lambda track: VendorTrack(track, NO_FAULTS, FaultClock(NO_FAULTS))),
    WriterSpy: (
        StreamWriter,
        lambda writer: WriterSpy(LinkSpy(MemoryRoom().join("tapped")), writer, []),
    ),
    FaultyRenderer: (Renderer, lambda renderer: FaultyRenderer(renderer, Scenario())),
    WrappedRenderer: (Renderer, WrappedRenderer),
    FaultyExecutor: (Executor, lambda executor: FaultyExecutor(executor, Scenario())),
}


class Result:
    """The result of every method of a spy; also an asynchronous iterator and a track."""

    format = AudioFormat(24_000)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration


class Spy:
    """Replaces the wrapped object and records which of its methods were reached."""

    def __init__(self) -> None:
        self.reached: list[str] = []
        self.result = Result()

    @classmethod
    def of(cls, base: type) -> Any:
        """Make a spy with the members of a class, and a value for each of its attributes."""
        spy = cls()
        body = {name: _spied(spy, name, member) for name, member in members(base)}
        made = type(f"Spied{base.__name__}", (), body)()
        for name, hint in attributes(base):
            setattr(made, name, example(hint))
        made.spy = spy
        return made


def _spied(spy: Spy, name: str, member: Any) -> Any:
    def note(*_: Any, **__: Any) -> Result:
        spy.reached.append(name)
        return spy.result

    async def note_later(*_: Any, **__: Any) -> Result:
        return note()

    if isinstance(member, property):
        return property(note)
    return note_later if inspect.iscoroutinefunction(member) else note


def members(base: type) -> list[tuple[str, Any]]:
    """Return the public methods and properties of a class and of its own base classes."""
    declared = {
        name: member
        for cls in reversed(base.__mro__)
        if cls.__module__.startswith("avatar_core.")
        for name, member in vars(cls).items()
    }
    return [
        (name, member)
        for name, member in declared.items()
        if (not name.startswith("_") or name in ("__aiter__", "__call__"))
        and (inspect.isfunction(member) or isinstance(member, property))
    ]


def attributes(base: type) -> list[tuple[str, Any]]:
    """Return the attributes that a class declares."""
    named = {**vars(link_contract), "SenderRouter": SenderRouter}
    return list(get_type_hints(base, named).items())


def example(hint: Any) -> Any:
    """Return a value of a type."""
    examples: dict[Any, Any] = {
        str: "x",
        bytes: b"\0\0",
        bool: False,
        int: 2,
        float: 25.0,
        AudioFormat: AudioFormat(24_000),
    }
    if hint in examples:
        return examples[hint]
    origin = get_origin(hint)
    if origin is Sequence:
        return ["x"]
    if origin is Mapping:
        return {"name": "value"}
    return lambda *_: None


async def unforwarded(base: type, wrap: Wrap) -> list[str]:
    """Return the members of a class that its wrapper does not forward."""
    wrapped = Spy.of(base)
    wrapper = wrap(wrapped)
    spy: Spy = wrapped.spy
    lost = [
        name
        for name, _ in attributes(base)
        if name not in OWN and getattr(wrapper, name, None) != getattr(wrapped, name)
    ]
    for name, member in members(base):
        spy.reached.clear()
        if isinstance(member, property):
            returned = getattr(wrapper, name)
        else:
            hints = get_type_hints(member)
            arguments = inspect.signature(member).parameters.values()
            given = [(one, example(hints.get(one.name))) for one in list(arguments)[1:]]
            returned = getattr(wrapper, name)(
                *(value for one, value in given if one.kind is not one.KEYWORD_ONLY),
                **{one.name: value for one, value in given if one.kind is one.KEYWORD_ONLY},
            )
            if inspect.isawaitable(returned):
                returned = await returned
            if hints.get("return") is type(None):
                returned = spy.result
        if spy.reached != [name] or _unwrap(returned) is not spy.result:
            lost.append(name)
    return lost


def _unwrap(returned: Any) -> Any:
    """Return the track inside of a wrapper that a link returned, or the object itself."""
    return returned._track if type(returned) in WRAPPERS else returned


def wrapper_classes() -> Iterator[type]:
    """Find our classes whose constructor takes another object of their base class."""
    for module in pkgutil.walk_packages(avatar_core.__path__, "avatar_core."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    for base in ABSTRACT:
        for cls in _below(base):
            if cls.__module__.startswith("avatar_core.") and _takes(cls, base):
                yield cls


def _below(base: type) -> Iterator[type]:
    for cls in base.__subclasses__():
        yield cls
        yield from _below(cls)


def _takes(cls: type, base: type) -> bool:
    init: Any = vars(cls).get("__init__", cls.__init__)
    if not inspect.isfunction(init):
        return False
    return base in get_type_hints(init).values()


def test_table_contains_every_wrapper_class() -> None:
    assert set(wrapper_classes()) == set(WRAPPERS) - {FaultyExecutor}


@pytest.mark.parametrize("wrapper", WRAPPERS, ids=lambda wrapper: wrapper.__name__)
async def test_wrapper_forwards_every_member_of_its_base_class(wrapper: type) -> None:
    assert await unforwarded(*WRAPPERS[wrapper]) == []


async def test_member_that_is_not_forwarded_is_reported() -> None:
    class Forgetful(FaultyRenderer):
        discard = Renderer.discard

        def __init__(self, renderer: Renderer) -> None:
            super().__init__(renderer, Scenario())
            self.lookahead_s = 0.0

    class Deaf(LinkWrapper):
        def on_data(self, topic: str, handler: Any) -> Any:
            return lambda: None

    assert await unforwarded(Renderer, Forgetful) == ["lookahead_s", "discard"]
    assert await unforwarded(RoomLink, Deaf) == ["on_data"]
