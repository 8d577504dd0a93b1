"""Wrong arguments of the scripted models and of the scripted conversation are refused at once."""

from __future__ import annotations

from typing import Any

import pytest

import avatar_core
from avatar_core.contracts.errors import ConfigError
from avatar_core.testing import (
    IN_MEMORY,
    Conversation,
    FakeVendor,
    ScriptedLLM,
    ScriptedRealtimeModel,
    SocketVendor,
    VendorAccount,
    launch_no_worker,
    run,
)


@pytest.mark.parametrize("model", [ScriptedLLM, ScriptedRealtimeModel])
@pytest.mark.parametrize("wrong", ["Hello", ["Hello"], {"A": None}, {"A": 3}, {1: "B"}, {"A": [1]}])
def test_wrong_responses_of_a_scripted_model_are_refused(model: Any, wrong: Any) -> None:
    with pytest.raises(ConfigError, match="A scripted model received an object of the type"):
        model(wrong)


@pytest.mark.parametrize("wrong", ["tool", {"A": "tool"}, {"A": {"tool": 3}}, {1: {}}])
def test_wrong_tool_calls_of_a_scripted_model_are_refused(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="Pass a mapping such as"):
        ScriptedLLM(calls=wrong)


@pytest.mark.virtual_time
@pytest.mark.parametrize("wrong", [0, -1, 37, True, 1.5, None, "alpha", []])
async def test_speech_that_is_not_in_the_vocabulary_is_refused(wrong: Any) -> None:
    avatar = avatar_core.create_avatar("voice", livekit=IN_MEMORY)
    async with Conversation(avatar) as conversation:
        with pytest.raises(ValueError, match="Pass a number from 1 to 36"):
            conversation.say(wrong)
        with pytest.raises(ValueError, match="Pass a number from 1 to 36"):
            await conversation.ask("Hello", wrong)
        turn = conversation.say(2)
        for index in (-1, 2, True, None, 0.5):
            with pytest.raises(IndexError, match="Pass an index from 0 to 1"):
                await conversation.interrupt_at(turn, index)  # type: ignore[arg-type]
        await conversation.over(turn)
        assert conversation.faults() == []


@pytest.mark.parametrize("wrong", ["405", "", None, 402])
def test_unknown_fault_of_a_fake_vendor_is_refused(wrong: Any) -> None:
    account = VendorAccount(launch_no_worker)
    with pytest.raises(ConfigError, match="fault of a vendor"):
        FakeVendor(account).fail(wrong)
    with pytest.raises(ConfigError, match="fault of a socket"):
        SocketVendor(account).fail_socket(wrong)


def test_run_refuses_a_function_in_place_of_a_coroutine() -> None:
    async def main() -> None:
        """Do nothing."""

    with pytest.raises(TypeError, match="Call the async function"):
        run(main)  # type: ignore[arg-type]
