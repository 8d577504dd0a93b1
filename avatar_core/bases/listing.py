"""What a vendor created, found in the lists it pages."""

from __future__ import annotations

from avatar_core.contracts.errors import ProtocolError
from avatar_core.http.client import RestClient
from avatar_core.http.response import HINT, Answer

MOST_PAGES = 50


async def find_by_name(rest: RestClient, path: str, name_key: str, name: str) -> Answer | None:
    """The first entry of that name in `data`, on as many pages as there are.

    The last page is the one that reaches `total_count`; where a vendor tells none, one that is
    empty or shorter than another.

    Args:
        rest: The vendor's API.
        path: Of the list, with `{page}`, which counts from 1.
        name_key: Where an entry holds its name.
        name: Which one.

    Raises:
        ProvisionError: The vendor does not say, or the list has no end.
    """
    seen = longest = 0
    for page in range(1, MOST_PAGES + 1):
        answer = await rest.call("GET", path.format(page=page))
        entries = answer.parts("data")
        for entry in entries:
            if entry.text(name_key, "") == name:
                return entry
        seen, longest = seen + len(entries), max(longest, len(entries))
        total = _total(answer, rest.provider)
        if not entries or (len(entries) < longest if total is None else seen >= total):
            return None
    raise ProtocolError(
        f"its list has more than {MOST_PAGES} pages.",
        provider=rest.provider,
        hint="End what is not needed any more.",
    )


def _total(answer: Answer, provider: str | None) -> int | None:
    if "total_count" not in answer:
        return None
    try:
        return int(answer.text("total_count"))
    except ValueError:
        said = "its list tells a total_count that is no number."
        raise ProtocolError(said, provider=provider, hint=HINT) from None
