"""The virtual clock replaces the clocks of its own loop, and restores them after a run."""

from __future__ import annotations

import asyncio
import dataclasses
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
from livekit.agents import llm
from livekit.agents.observability import Tagger
from livekit.agents.voice.events import UserStateChangedEvent
from pydantic import BaseModel, Field

from avatar_core.testing.clock import now, run
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.virtual_loop import EPOCH_S

CLOCKS = ("time", "time_ns", "monotonic", "monotonic_ns")
TRUE = {name: getattr(time, name) for name in CLOCKS}
HOUR_S = 3600.0


class Stamped(BaseModel):
    """A model of an application that keeps the function itself."""

    at: float = Field(default_factory=time.time)


@dataclass
class Call:
    """A dataclass of an application that keeps the functions themselves."""

    began_at: float = dataclasses.field(default_factory=time.time)
    began_s: float = dataclasses.field(default_factory=time.monotonic)


def readings() -> list[float]:
    """Each clock, in seconds, from the start of the virtual ones."""
    return [
        time.time() - EPOCH_S,
        time.time_ns() / 1e9 - EPOCH_S,
        time.monotonic(),
        time.monotonic_ns() / 1e9,
        asyncio.get_running_loop().time(),
    ]


def chat_item() -> float:
    return llm.ChatMessage(role="user", content=["hello"]).created_at


def validated_item() -> float:
    items = [{"type": "message", "role": "user", "content": ["hello"]}]
    return llm.ChatContext.from_dict({"items": items}).items[0].created_at


def tool_result() -> float:
    return llm.FunctionCallOutput(call_id="1", output="", is_error=False).created_at


def session_event() -> float:
    return UserStateChangedEvent(old_state="away", new_state="listening").created_at


def tag() -> float:
    tagger = Tagger()
    tagger.add("tag")
    return next(iter(tagger._tags.values())).timestamp


HOLDERS: list[Callable[[], float]] = [
    chat_item,
    validated_item,
    tool_result,
    session_event,
    tag,
    lambda: Stamped().at,
    lambda: Stamped.model_construct().at,
    lambda: Call().began_at,
]


def test_sleep_of_an_hour_returns_at_once_and_moves_every_clock() -> None:
    async def main() -> None:
        assert readings() == pytest.approx([0.0] * 5, abs=1e-4)
        await asyncio.sleep(HOUR_S)
        assert readings() == pytest.approx([HOUR_S] * 5, abs=1e-4)
        assert now() == HOUR_S

    began = time.perf_counter()
    run(main())
    assert time.perf_counter() - began < 5.0


@pytest.mark.parametrize("made_at", HOLDERS)
def test_default_factories_use_virtual_time_only_during_a_run(made_at: Callable[[], float]) -> None:
    async def main() -> list[float]:
        first = made_at()
        await asyncio.sleep(HOUR_S)
        return [first, made_at()]

    assert run(main()) == pytest.approx([EPOCH_S, EPOCH_S + HOUR_S], abs=1e-4)
    assert abs(made_at() - time.time()) < 60.0


def held() -> list[object]:
    """Holders of clocks, which the tests above inspect."""
    return [
        *(getattr(time, name) for name in CLOCKS),
        *(
            held
            for model in (llm.ChatMessage, llm.FunctionCallOutput, UserStateChangedEvent, Stamped)
            for field in model.model_fields.values()
            for held in (field.default_factory, model.__pydantic_validator__)
        ),
        *(field.default_factory for field in dataclasses.fields(Call)),
    ]


async def succeed() -> None:
    assert llm.ChatMessage.model_fields["created_at"].default_factory is not TRUE["time"]


async def fail() -> None:
    raise ValueError("of the test")


async def cancel() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(1)


async def press_ctrl_c() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("main", "ending"),
    [
        (succeed, nullcontext()),
        (fail, pytest.raises(ValueError, match="of the test")),
        (cancel, pytest.raises(asyncio.CancelledError)),
        (press_ctrl_c, pytest.raises(KeyboardInterrupt)),
    ],
)
def test_run_restores_the_true_clocks_however_it_ends(
    main: Callable[[], Coroutine[Any, Any, None]], ending: AbstractContextManager[object]
) -> None:
    run(succeed())
    before = held()
    with ending:
        run(main())
    assert all(one is other for one, other in zip(before, held(), strict=True))
    assert {name: getattr(time, name) for name in CLOCKS} == TRUE
    assert llm.ChatMessage.model_fields["created_at"].default_factory is TRUE["time"]
    assert Call.__dataclass_fields__["began_at"].default_factory is TRUE["time"]


def test_functions_imported_from_time_use_virtual_time(monkeypatch: pytest.MonkeyPatch) -> None:
    app = ModuleType("app")
    app.clock = time.monotonic  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "app", app)

    async def main() -> float:
        await asyncio.sleep(HOUR_S)
        return app.clock()  # type: ignore[attr-defined, no-any-return]

    assert run(main()) == HOUR_S
    assert app.clock is TRUE["monotonic"]  # type: ignore[attr-defined]


def test_saved_clock_function_returns_true_time_after_a_run() -> None:
    async def main() -> tuple[Callable[[], float], type[BaseModel]]:
        class Late(BaseModel):
            at: float = Field(default_factory=time.time)

        assert Late().at == pytest.approx(EPOCH_S, abs=1e-4)
        return time.monotonic, Late

    monotonic, late = run(main())
    assert abs(monotonic() - time.monotonic()) < 60.0
    assert abs(late().at - time.time()) < 60.0  # type: ignore[attr-defined]


def test_run_keeps_earlier_patches_of_the_time_module(monkeypatch: pytest.MonkeyPatch) -> None:
    run(asyncio.sleep(1))
    monkeypatch.setattr(time, "time", lambda: 7.0)

    async def main() -> float:
        return time.time()

    assert run(main()) == 7.0
    assert time.time() == 7.0


@pytest.mark.parametrize("name", ["time", "time_ns"])
def test_clock_readings_increase_strictly_and_stay_accurate(name: str) -> None:
    second = 1 if name == "time" else 10**9

    async def main() -> None:
        read = getattr(time, name)
        readings = [read() for _ in range(1000)]
        assert readings == sorted(set(readings))
        assert readings[-1] - readings[0] < 1e-3 * second
        await asyncio.sleep(1)
        assert read() == (round(EPOCH_S) + 1) * second

    run(main())


def test_other_threads_and_loops_use_true_time() -> None:
    async def true_time() -> float:
        return time.time()

    async def main() -> list[float]:
        await asyncio.sleep(HOUR_S)
        found: list[float] = []

        def look() -> None:
            found.extend([time.time(), asyncio.run(true_time())])

        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        return found

    before = time.time()
    assert all(before <= found <= time.time() for found in run(main()))


def test_nested_run_raises_and_keeps_the_outer_clock() -> None:
    async def main() -> float:
        with pytest.raises(RuntimeError, match="Await the coroutine instead"):
            run(asyncio.sleep(1))
        return time.monotonic()

    assert run(main()) == 0.0
    assert time.monotonic is TRUE["monotonic"]


class Looptime(asyncio.SelectorEventLoop):
    """As much of looptime's loop as is asked."""

    looptime_on = True


def test_room_in_memory_rejects_a_looptime_loop() -> None:
    async def main() -> None:
        MemoryRoom().agent()

    wanted = pytest.raises(RuntimeError, match=r"instead of @pytest\.mark\.looptime")
    with asyncio.Runner(loop_factory=Looptime) as runner, wanted:
        runner.run(main())


def test_clock_imports_without_pytest_and_looptime() -> None:
    code = """
        import sys
        sys.modules["pytest"] = sys.modules["looptime"] = None
        import asyncio
        from avatar_core.testing import clock, conversation, script, timeline
        clock.run(asyncio.sleep(3600))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
