"""Checks of the arguments of a call, so that each mistake is one error with the next step."""

from __future__ import annotations

import re

from livekit.agents import AgentSession

from avatar_core.contracts.errors import ConfigError
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.settings import AvatarSettings
from avatar_core.testing.audio.word_codes import split_speech
from avatar_core.testing.fake_vendor.fake import FakeVendor
from avatar_core.testing.faults.by_name import NamedFault, find_fault

__tracebackhide__ = True  # pytest shows the line of the test, not the frames of this module
_EVENT = re.compile(r"\S+ (joined|was lost|failed: \w+)|voice speaks")


def check_message(text: object) -> None:
    """Check the text of a message of the user.

    Args:
        text: The argument of `user_says`.

    Raises:
        ConfigError: The argument is not a text, or an empty text.
    """
    if not isinstance(text, str) or not text.strip():
        raise _error("user_says", "a message that is not empty, such as 'Hello'", text)


def check_spoken(spoken: object) -> None:
    """Check the words of a wait.

    Args:
        spoken: The argument of `until_heard`.

    Raises:
        ConfigError: The argument is neither a text with a word nor a positive number of words.
    """
    if isinstance(spoken, str):
        fits = bool(split_speech(spoken)[0])
    else:
        fits = isinstance(spoken, int) and not isinstance(spoken, bool) and spoken >= 1
    if not fits:
        accepted = "a text with at least one spoken word, or a number of words from 1"
        raise _error("until_heard", accepted, spoken)


def check_event(event: object) -> None:
    """Check the event of a wait.

    Args:
        event: The argument of `until_event`.

    Raises:
        ConfigError: No event of an avatar has such a description.
    """
    if not isinstance(event, str) or _EVENT.fullmatch(event) is None:
        accepted = (
            "an event such as 'mock joined', 'mock was lost', 'mock failed: PaymentError' or "
            "'voice speaks'"
        )
        raise _error("until_event", accepted, event)


def find_faults(fault: object) -> list[NamedFault]:
    """Return the faults of a call.

    Args:
        fault: The argument `fault`: a name, or a sequence of names.

    Returns:
        The faults, in order.

    Raises:
        ConfigError: The argument is neither a name nor a sequence of names, or a name is unknown.
    """
    if isinstance(fault, str):
        return [find_fault(fault)]
    if not isinstance(fault, list | tuple):
        raise _error("fault", "the name of a fault, or a list of names", fault)
    return [find_fault(name) for name in fault]


def check_options(
    *, session: object, vendor: object, settings: object, registry: object, wait_for_join: object
) -> None:
    """Check the other arguments of a call, except those that the start of the call checks.

    Args:
        session: The argument `session`.
        vendor: The argument `vendor`.
        settings: The argument `settings`.
        registry: The argument `registry`.
        wait_for_join: The argument `wait_for_join`.

    Raises:
        ConfigError: An argument has the wrong type.
    """
    if session is not None and not isinstance(session, AgentSession) and not callable(session):
        raise _error("session", "a function that returns an AgentSession", session)
    if registry is not None and not isinstance(registry, ProviderRegistry):
        raise _error("registry", "an object of the class ProviderRegistry", registry)
    if vendor is not None and (isinstance(vendor, FakeVendor) or not callable(vendor)):
        raise _error("vendor", "a subclass of FakeVendor, such as vendor=AcmeVendor", vendor)
    if settings is not None and not isinstance(settings, AvatarSettings):
        raise _error("settings", "an object of the class AvatarSettings", settings)
    if not isinstance(wait_for_join, bool):
        raise _error("wait_for_join", "True or False", wait_for_join)


def _error(name: str, accepted: str, received: object) -> ConfigError:
    shown = repr(received) if isinstance(received, _SHOWN) else _type_of(received)
    return ConfigError(f"`{name}` does not accept {shown:.80}.", hint=f"Pass {accepted}.")


def _type_of(received: object) -> str:
    return f"an object of the type {type(received).__name__}"


_SHOWN = (str, int, float, list, tuple, type(None))
"""The types of values that an error quotes; of other values, it names the type."""
