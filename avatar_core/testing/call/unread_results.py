"""The end of a call: errors that the test has not seen yet, and a session that does not close."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from livekit.agents import AgentSession, RunResult

RESPONSE_S = 5.0
"""Seconds after the end of the test's block within which a model may begin to respond."""
CLOSE_S = 30.0
"""Seconds within which the agent session closes. It waits for tools that run."""
TOOLS = ("tool_exec_", "func_exec_")
"""The beginnings of the names of the tasks in which livekit-agents runs tools (version 1.8.9)."""
TICK_S = 0.02


class UnreadResults:
    """The results of the messages of a user, until the test has waited for them.

    A test may leave a call without `agent_finished`. An error of its model, such as a message
    without a response in the script, must not be lost then.
    """

    def __init__(self) -> None:
        self._results: list[RunResult[Any]] = []

    def add(self, result: RunResult[Any]) -> None:
        """Add the result of a message.

        Args:
            result: The result of `AgentSession.run`.
        """
        self._results.append(result)

    def discard(self, result: RunResult[Any] | None) -> None:
        """Forget a result, because the test receives its error now.

        Args:
            result: The result, or None.
        """
        self._results = [one for one in self._results if one is not result]

    async def find_error(self, session: AgentSession[Any]) -> Exception | None:
        """Wait until the model has responded to the last message, and return the first error.

        Args:
            session: The agent session, whose agent speaks if the model has responded.

        Returns:
            The error of a model or a tool; None if there is none so far.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(RESPONSE_S):
                while self._results and not self._results[-1].done():
                    if session.agent_state == "speaking":
                        break
                    await asyncio.sleep(TICK_S)
        for result in self._results:
            if result.done():
                try:
                    await result
                except Exception as error:
                    return error
        return None


async def settle(result: RunResult[Any]) -> None:
    """Wait until a response has ended, also by an error.

    Args:
        result: The result of the message.
    """
    await asyncio.gather(result, return_exceptions=True)


async def close_session(session: AgentSession[Any]) -> AssertionError | None:
    """Close an agent session, unless a tool or a hook of the agent hangs.

    Args:
        session: The agent session.

    Returns:
        An error if the session did not close within `CLOSE_S`; else None.
    """
    closing = asyncio.create_task(session.aclose(), name="call-close")
    await asyncio.wait({closing}, timeout=CLOSE_S)
    if closing.done():
        closing.result()
        return None
    for task in asyncio.all_tasks():
        if task.get_name().startswith(TOOLS):
            task.cancel()
    await asyncio.wait({closing}, timeout=CLOSE_S)
    closing.cancel()
    return AssertionError(
        f"The agent session did not close within {CLOSE_S:g} s, because a tool or a hook of the "
        "agent did not return. Give each wait in it a limit."
    )
