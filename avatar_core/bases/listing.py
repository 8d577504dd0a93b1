"""What a vendor created, found in the lists it pages."""

from __future__ import annotations

from avatar_core.contracts.errors import ProtocolError
from avatar_core.http.answer import Answer
from avatar_core.http.client import RestClient

MOST_PAGES = 50


async def find_by_name(
    rest: RestClient, path: str, name_key: str, name: str, *, list_key: str = "data"
) -> Answer | None:
    """The first entry of that name, on as many pages as there are.

    Args:
        rest: The vendor's API.
        path: Of the list, with `{page}`, which counts from 1.
        name_key: Where an entry holds its name.
        name: Which one.
        list_key: Where an answer holds the entries.

    Raises:
        ProvisionError: The vendor does not say, or the list has no end.
    """
    seen = 0
    for page in range(1, MOST_PAGES + 1):
        answer = await rest.call("GET", path.format(page=page))
        entries = answer.parts(list_key)
        for entry in entries:
            if entry.text(name_key, "") == name:
                return entry
        seen += len(entries)
        if not entries or seen >= int(answer.text("total_count", "0")):
            return None
    raise ProtocolError(
        f"its list has more than {MOST_PAGES} pages.",
        provider=rest.provider,
        hint="End what is not needed any more.",
    )
