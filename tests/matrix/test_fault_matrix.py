"""A part of the fault matrix; `python -m tests.long.fault_matrix` runs the whole matrix."""

from __future__ import annotations

from itertools import groupby

import pytest

from tests.matrix.cell_run import CellRun
from tests.matrix.cells import Cell, Kind, Phase, all_cells
from tests.matrix.faults import FAULTS
from tests.matrix.promises import indent

STRIDE = 15
"""Steps from the cell of one fault to the cell of the next fault, chosen so that all phases and
kinds occur."""


def sample() -> list[Cell]:
    """Return one cell of each fault.

    Returns:
        The cells, in the order of `FAULTS`.
    """
    chosen = []
    for number, (_, group) in enumerate(groupby(all_cells(), lambda cell: cell.fault)):
        cells = list(group)
        chosen.append(cells[number * STRIDE % len(cells)])
    return chosen


def test_matrix_has_more_than_600_cells_and_no_cell_twice() -> None:
    names = [str(cell) for cell in all_cells()]
    assert len(names) > 600
    assert len({*names}) == len(names)


def test_sample_has_every_fault_phase_and_kind() -> None:
    cells = sample()
    assert {cell.fault for cell in cells} == {*FAULTS}
    assert {cell.phase for cell in cells} == {*Phase}
    assert {cell.kind for cell in cells} == {*Kind}


@pytest.mark.virtual_time
@pytest.mark.parametrize("cell", sample(), ids=str)
async def test_promises_hold_in_cell(cell: Cell) -> None:
    faults, timeline = await CellRun(cell).run()
    assert not faults, f"{indent(faults)}\n{timeline}"
