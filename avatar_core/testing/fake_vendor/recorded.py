"""The requests that a fake vendor received, for golden files and comparisons."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request that a fake vendor received. The repr shows neither headers nor the body.

    Attributes:
        method: The HTTP method.
        path: The path with its query.
        headers: The header values by lower-case name, with the API key.
        content: The bytes of the body.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes = field(default=b"", repr=False)

    @property
    def body(self) -> Any:
        """The JSON value of the body; None if the body is empty or is not JSON."""
        try:
            return json.loads(self.content)
        except ValueError:
            return None
