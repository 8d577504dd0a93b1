"""Golden files: the requests of a session as JSON, without secrets and without random parts."""

from __future__ import annotations

import difflib
import json
from typing import Any

from avatar_core.testing.suites.check import CheckFailed
from avatar_core.testing.suites.provider.bench import Bench
from avatar_core.testing.suites.provider.subject import ProviderSubject

TRANSPORT_HEADERS = frozenset(
    {
        *("accept", "accept-encoding", "connection", "content-length", "content-type", "host"),
        "user-agent",
    }
)
UPDATE = "--avatar-update-golden"


def compare_golden(suite: ProviderSubject, bench: Bench, name: str) -> None:
    """Compare the calls of a bench with a golden file, or write the file.

    Args:
        suite: The suite.
        bench: The bench, after a session was created and released.
        name: The name of the case, which is the name of the file.

    Raises:
        CheckFailed: The suite has no folder, the file does not exist, or a request differs.
    """
    folder = suite.golden_folder()
    if folder is None:
        raise CheckFailed(
            "The suite has no golden requests.",
            f'Write in the suite: golden = "golden/". Then run pytest with {UPDATE}, and compare '
            "the files with the documentation of the vendor.",
        )
    path = folder / f"{name}.json"
    text = _describe_calls(bench)
    if suite.options.update_golden:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return
    if not path.exists():
        raise CheckFailed(
            f"The golden file {suite.golden}{path.name} does not exist.",
            f"Run pytest with {UPDATE}, and compare the file with the documentation of the vendor.",
        )
    golden, sent = (_sort_keys(one) for one in (path.read_text(encoding="utf-8"), text))
    if sent != golden:
        lines = difflib.unified_diff(
            golden.splitlines(), sent.splitlines(), path.name, "sent now", lineterm="", n=1
        )
        raise CheckFailed(
            "The requests differ from the golden file:\n" + "\n".join(lines) + "\n",
            f"If the new requests are right, run pytest with {UPDATE}.",
        )


def _sort_keys(text: str) -> str:
    """Return a JSON text with sorted keys, because vendors ignore the order of keys."""
    return json.dumps(json.loads(text), indent=2, ensure_ascii=False, sort_keys=True)


def _describe_calls(bench: Bench) -> str:
    secrets = {token: "<room token>" for _, token in bench.minted}
    key = getattr(bench.provider.settings, "api_key", None)
    if key is not None:
        secrets[key.get_secret_value()] = "<api key>"
    for session in bench.account.sessions:
        secrets[session.id] = "<session id>"
    calls = [
        {
            "request": f"{call.method} {call.path}",
            "headers": {
                header: value
                for header, value in sorted(call.headers.items())
                if header not in TRANSPORT_HEADERS
            },
            "body": _read_body(call.body),
        }
        for call in bench.calls
    ]
    text = json.dumps(calls, indent=2, ensure_ascii=False)
    for secret, name in secrets.items():
        text = text.replace(secret, name)
    return f"{text}\n"


def _read_body(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body.decode(errors="replace")
