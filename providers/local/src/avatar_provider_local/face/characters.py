"""The characters of the local provider, with the colours and shapes of each face."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Hair(StrEnum):
    """The haircuts; `hair.CUTS` contains the shapes of each haircut."""

    BOB = "bob"
    SHORT = "short"
    BUN = "bun"


@dataclass(frozen=True, slots=True)
class Character:
    """The look of a face; all colours have the form `#rrggbb`.

    Attributes:
        skin: Colour of the skin.
        blush: Colour of the cheeks.
        lips: Colour of the lips.
        hair: Colour of the hair, the brows and the beard.
        iris: Colour of the iris.
        cloth: Colour of the jacket.
        shirt: Colour of the shirt.
        wall: Colour of the background.
        cut: The haircut.
        beard: Density of the beard, from 0 (no beard) to 1.
        glasses: Whether the character wears glasses.
        lashes: Line width of the upper eyelid, in units of 1.14 face units.
        brow: Thickness of the eyebrows, in face units.
        jaw: Width of the jaw relative to the usual width.
    """

    skin: str
    blush: str
    lips: str
    hair: str
    iris: str
    cloth: str
    shirt: str
    wall: str
    cut: Hair
    beard: float = 0.0
    glasses: bool = False
    lashes: float = 2.6
    brow: float = 5.0
    jaw: float = 1.0


CHARACTERS: dict[str, Character] = {
    "ada": Character(
        skin="#f2c6a5",
        blush="#e58f7d",
        lips="#c2666a",
        hair="#4b2f27",
        iris="#5d8a80",
        cloth="#34508c",
        shirt="#f4f1ec",
        wall="#b9cbe6",
        cut=Hair.BOB,
    ),
    "ben": Character(
        skin="#efc1a0",
        blush="#dd8a72",
        lips="#b97068",
        hair="#332722",
        iris="#4f78ad",
        cloth="#4c5966",
        shirt="#d9e4f4",
        wall="#e2d3bf",
        cut=Hair.SHORT,
        beard=0.75,
        lashes=1.9,
        brow=6.6,
        jaw=1.1,
    ),
    "nia": Character(
        skin="#9a6344",
        blush="#a8523c",
        lips="#9b4a48",
        hair="#1f1716",
        iris="#5b3a22",
        cloth="#c15f3f",
        shirt="#f7efe4",
        wall="#bfdccb",
        cut=Hair.BUN,
        glasses=True,
        lashes=2.8,
    ),
}
"""The characters by name."""
