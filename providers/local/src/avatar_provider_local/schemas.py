"""Requests and responses of the REST API of a local avatar server."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from avatar_provider_local.face.options import FaceOptions
from avatar_provider_local.sessions import Session, State


class CreateSession(BaseModel):
    """The body of a request that creates a session.

    Attributes:
        livekit_url: URL of the LiveKit server for the worker, with the scheme ws, wss, http or
            https.
        token: Room token of the worker, which contains the room, the avatar's identity and the
            agent's identity.
        face: Options of the face.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    livekit_url: str
    token: SecretStr = Field(min_length=1)
    face: FaceOptions = FaceOptions()

    @field_validator("livekit_url")
    @classmethod
    def _is_a_server(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("ws", "wss", "http", "https") or not parts.hostname:
            raise ValueError("The URL must look like wss://my-project.livekit.cloud.")
        if parts.username or parts.password or parts.query:
            raise ValueError("The URL must not contain a user name, a password or a query.")
        return url


class SessionView(BaseModel):
    """The public view of a session.

    Attributes:
        id: Id of the session, for the paths of later calls.
        state: `running` or `ended`; `starting` only while a create request waits for the session.
        reason: Why the session ended; empty while the session runs.
    """

    id: str
    state: State
    reason: str

    @classmethod
    def of(cls, session: Session) -> SessionView:
        """Create the view of a session in its current state.

        Args:
            session: The session.

        Returns:
            A copy, which does not change with the session.
        """
        return cls(id=session.id, state=session.state, reason=session.reason)
