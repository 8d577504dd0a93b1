"""The job that a plugin finds: the agent's own job, or a substitute outside a job.

Most plugins read the identity of the agent from the job, and take their HTTP client from the job.
The proxy is set in the context variables of one run only, so no other code sees it.
"""

from __future__ import annotations

from contextvars import Context, ContextVar
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from livekit.agents import get_job_context
from livekit.agents import job as livekit_job

from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import ConfigError
from avatar_core.contracts.link import RoomLink


class JobProxy:
    """The job of a plugin.

    Args:
        link: The agent's connection to the room.

    Attributes:
        room: The room that the plugin receives; None until its constructor has returned.
    """

    def __init__(self, link: RoomLink) -> None:
        self._job: Any = get_job_context(required=False)
        self._link = link
        self.room: Any = None

    @property
    def local_participant_identity(self) -> str:
        """The identity of the agent."""
        return self._link.identity

    @cached_property
    def job(self) -> Any:
        """The record of the job; outside a job, a record with empty ids."""
        if self._job is not None:
            return self._job.job
        room = SimpleNamespace(sid="", name=self._link.room_name)
        return SimpleNamespace(id="", room=room, metadata="", agent_name="")

    @property
    def proc(self) -> Any:
        """The process of the job; outside a job, a process without an HTTP proxy."""
        return SimpleNamespace(http_proxy=None) if self._job is None else self._job.proc

    def token_claims(self) -> Any:
        """Return the claims of the agent's room token.

        Returns:
            An object with the identity of the agent.
        """
        return SimpleNamespace(identity=self._link.identity, name="", attributes={})

    def add_shutdown_callback(self, callback: object) -> None:
        """Ignore a callback for the end of the job, because avatar-core closes the plugin earlier.

        Args:
            callback: The callback of the plugin.
        """

    def is_fake_job(self) -> bool:
        """Return whether the agent runs without a room; a plugin never does.

        Returns:
            False.
        """
        return False

    def __getattr__(self, name: str) -> Any:
        if self._job is None:
            raise AttributeError(f"This agent runs outside a job, which has no {name}.")
        return getattr(self._job, name)


def set_job(context: Context, job: JobProxy) -> None:
    """Make a job the current job of a context.

    Args:
        context: The context of a run.
        job: The job.

    Raises:
        ConfigError: livekit-agents keeps its current job in another place than version 1.8.9.
    """
    variable = getattr(livekit_job, "_JobContextVar", None)
    if not isinstance(variable, ContextVar):
        raise ConfigError(
            "the installed livekit-agents keeps its job in another place than version 1.8.9.",
            hint="Install livekit-agents 1.8, or use a native provider.",
            code=ErrorCode.LIVEKIT_VERSION,
        )
    context.run(variable.set, job)
