"""A call refuses wrong arguments with one message that names the next step."""

from __future__ import annotations

import math
from typing import Any

import pytest
from avatar_provider_mock import MockSettings

from avatar_core.contracts.errors import ConfigError, ProviderNotFoundError
from avatar_core.testing import AvatarCall, FakeVendor, VendorAccount, launch_no_worker
from tests.support.weather_desk import Clerk, make_session

pytestmark = pytest.mark.virtual_time

SMALL = MockSettings(width=64, height=64)


async def test_bad_input_is_one_message_with_the_next_step() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'worker dies'"):
        AvatarCall(Clerk(), fault="worker dys")
    with pytest.raises(ConfigError, match="takes no time"):
        AvatarCall(Clerk(), fault="vendor answers 402 at 2 s")
    with pytest.raises(ProviderNotFoundError, match="acme"):
        async with AvatarCall(Clerk(), session=make_session, avatar="acme"):
            pass
    with pytest.raises(ConfigError, match="Clerk has no language model"):
        async with AvatarCall(Clerk(), avatar=SMALL):
            pass
    with pytest.raises(ConfigError, match="needs an object of the class Agent"):
        async with AvatarCall(Clerk, session=make_session, avatar=SMALL):  # type: ignore[arg-type]
            pass
    with pytest.raises(ConfigError, match="cannot contain an object of type int"):
        async with AvatarCall(Clerk(), session=make_session, avatar=3):  # type: ignore[arg-type]
            pass
    with pytest.raises(ConfigError, match="no avatar, so the fault 'worker dies' has no effect"):
        async with AvatarCall(Clerk(), session=make_session, avatar="voice", fault="worker dies"):
            pass
    with pytest.raises(ConfigError, match="returned an object of type str"):
        async with AvatarCall(Clerk(), session=lambda: "session", avatar=SMALL):  # type: ignore[arg-type, return-value]
            pass


@pytest.mark.parametrize("wrong", ["", " ", "😀", "**", 0, -1, 2.5, math.nan, True, None, [], b"a"])
async def test_wait_for_nothing_is_refused(wrong: Any) -> None:
    async with AvatarCall(Clerk(), session=make_session, avatar=SMALL) as call:
        with pytest.raises(ConfigError, match="Pass a text with at least one spoken word, or a"):
            await call.until_heard(wrong)


@pytest.mark.parametrize("wrong", ["", "mock joind", "joined", 1, True, None, ["mock joined"]])
async def test_wait_for_an_event_that_cannot_happen_is_refused(wrong: Any) -> None:
    async with AvatarCall(Clerk(), session=make_session, avatar=SMALL) as call:
        with pytest.raises(ConfigError, match="Pass an event such as 'mock joined'"):
            await call.until_event(wrong)


@pytest.mark.parametrize("wrong", ["", " ", 1, None, ["Weather?"]])
async def test_message_without_a_text_is_refused(wrong: Any) -> None:
    async with AvatarCall(Clerk(), session=make_session, avatar=SMALL) as call:
        with pytest.raises(ConfigError, match="Pass a message that is not empty"):
            await call.user_says(wrong)
        assert call.history == []


@pytest.mark.parametrize(
    ("wrong", "accepted"),
    [
        ({"fault": 3}, "the name of a fault, or a list of names"),
        ({"fault": None}, "the name of a fault, or a list of names"),
        ({"fault": ["worker dies", None]}, "one name, such as 'worker dies'"),
        ({"vendor": FakeVendor(VendorAccount(launch_no_worker))}, "a subclass of FakeVendor"),
        ({"vendor": 3}, "a subclass of FakeVendor"),
        ({"settings": {}}, "an object of the class AvatarSettings"),
        ({"session": "session"}, "a function that returns an AgentSession"),
        ({"registry": {}}, "an object of the class ProviderRegistry"),
        ({"wait_for_join": 1}, "True or False"),
    ],
)
def test_argument_of_a_call_with_a_wrong_type_is_refused(
    wrong: dict[str, Any], accepted: str
) -> None:
    with pytest.raises(ConfigError, match=f"Pass {accepted}"):
        AvatarCall(Clerk(), **wrong)
