"""The responses of scripted models to the messages of a user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from avatar_core.contracts.errors import ConfigError

__tracebackhide__ = True  # pytest shows the line of the test, not the frames of this module
Response = str | Sequence[str]
"""A scripted response: a text, or a sequence of words."""
ToolCalls = Mapping[str, Mapping[str, Any]]
"""The arguments of each tool to call, by tool name."""


def read_responses(responses: Mapping[str, Response] | None) -> dict[str, Response]:
    """Check the responses of a scripted model.

    Args:
        responses: The response to each user message, by its text; None for none.

    Returns:
        A copy of the responses.

    Raises:
        ConfigError: A message or a response has the wrong type.
    """
    if responses is None:
        return {}
    if not isinstance(responses, Mapping):
        raise _error("`responses`", "a mapping such as {'Hello': 'Good morning.'}", responses)
    for message, response in responses.items():
        if not isinstance(message, str):
            raise _error("a message in `responses`", "a text", message)
        if not _is_response(response):
            raise _error(f"the response to {message!r:.80}", "a text or a list of words", response)
    return dict(responses)


def read_calls(calls: Mapping[str, ToolCalls] | None) -> dict[str, ToolCalls]:
    """Check the tool calls of a scripted model.

    Args:
        calls: The tools to call before a response, by the text of the user message; None for none.

    Returns:
        A copy of the tool calls.

    Raises:
        ConfigError: A message, a tool name or the arguments of a tool have the wrong type.
    """
    accepted = "a mapping such as {'Where is it?': {'find_order': {'number': 7}}}"
    if calls is None:
        return {}
    if not isinstance(calls, Mapping):
        raise _error("`calls`", accepted, calls)
    for message, tools in calls.items():
        is_mapping = isinstance(message, str) and isinstance(tools, Mapping)
        if not is_mapping or not all(isinstance(one, Mapping) for one in tools.values()):
            raise _error(f"the calls for {message!r:.80}", accepted, tools)
    return dict(calls)


def response_to(user_text: str, responses: Mapping[str, Response]) -> Sequence[str]:
    """Return the words of a scripted response.

    Args:
        user_text: The text of the last user message; empty if there is none.
        responses: The responses by user message.

    Returns:
        The words.

    Raises:
        LookupError: The script has no response to the message.
    """
    if user_text not in responses:
        known = ", ".join(map(repr, responses)) or "none"
        what = f"to the user message {user_text!r:.80}"
        if not user_text:
            what = "without a user message, as generate_reply in on_enter requests it (the key '')"
        raise LookupError(
            f"The script has no response {what}. Add the message to `responses` of the scripted "
            f"model, which has responses to: {known:.400}."
        )
    response = responses[user_text]
    return response.split() if isinstance(response, str) else response


def _is_response(response: object) -> bool:
    if isinstance(response, str):
        return True
    return isinstance(response, Sequence) and all(isinstance(word, str) for word in response)


def _error(what: str, accepted: str, received: object) -> ConfigError:
    return ConfigError(
        f"A scripted model received an object of the type {type(received).__name__} as {what}.",
        hint=f"Pass {accepted}.",
    )
