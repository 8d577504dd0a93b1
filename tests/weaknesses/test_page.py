"""The page docs/weaknesses.md agrees with the scenarios, and the scenarios are complete."""

from __future__ import annotations

import ast
import functools

import pytest

from tests.weaknesses.weakness import ROOT, Weakness
from tools.weaknesses import PAGE, collect, order_of, render

NUMBERS = sorted([*(f"W{number}" for number in range(1, 50)), "W4b", "W4c"], key=order_of)
RECORDS = collect()


@functools.cache
def find_tests(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in tree.body if isinstance(node, functions)}


def test_page_equals_the_output_of_the_script() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(RECORDS), (
        "docs/weaknesses.md is not current; run `.venv/bin/python tools/weaknesses.py`."
    )


def test_every_number_has_exactly_one_weakness() -> None:
    assert [weakness.number for weakness in RECORDS] == NUMBERS


@pytest.mark.parametrize("weakness", RECORDS, ids=lambda weakness: weakness.number)
def test_weakness_has_existing_tests_of_both_libraries(weakness: Weakness) -> None:
    assert weakness.shown_in
    assert weakness.avoided_in
    for test in (*weakness.shown_in, *weakness.avoided_in):
        path, _, name = test.partition("::")
        assert name.startswith("test_")
        assert name in find_tests(path), f"{test} does not exist"


@pytest.mark.parametrize("weakness", RECORDS, ids=lambda weakness: weakness.number)
def test_weakness_has_a_class_and_three_sentences(weakness: Weakness) -> None:
    assert weakness.severity in ("A", "B", "C")
    for sentence in (weakness.sentence, weakness.stock, weakness.ours):
        assert sentence.endswith(".")
        assert "|" not in sentence


async def test_failed_scenario_names_its_weakness() -> None:
    weakness = Weakness("W1", "A", "A sentence.", stock="One.", ours="Two.")

    @weakness.shown_by
    async def fail() -> None:
        raise AssertionError("The stock class has another behaviour.")

    with pytest.raises(AssertionError) as raised:
        await fail()
    assert "livekit-agents may have fixed W1" in raised.value.__notes__[0]
