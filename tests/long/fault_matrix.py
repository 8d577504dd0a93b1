"""Runs the whole fault matrix in virtual time, and prints the timeline of each cell that fails.

python -m tests.long.fault_matrix [--only PATTERN] [--list]
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from fnmatch import fnmatch

from avatar_core.testing.clock import run
from tests.matrix.cell_run import CellRun
from tests.matrix.cells import Cell, all_cells
from tests.matrix.promises import indent


async def run_cell(cell: Cell) -> tuple[list[str], str]:
    """Run one cell.

    Args:
        cell: The cell.

    Returns:
        A sentence for each broken promise, and the timeline.
    """
    return await CellRun(cell).run()


def main() -> None:
    """Run the cells whose name contains the pattern; exit with status 1 if one fails."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--only", default="*", help="pattern of the names of the cells")
    parser.add_argument("--list", action="store_true", help="print the names of the cells")
    parser.add_argument("--brief", action="store_true", help="print no timelines")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    cells = [cell for cell in all_cells() if fnmatch(str(cell), f"*{arguments.only}*")]
    if arguments.list:
        print(*cells, sep="\n")
        return
    began, failed = time.perf_counter(), 0
    for cell in cells:
        faults, timeline = run(run_cell(cell))
        if faults:
            failed += 1
            print(f"{cell}\n{indent(faults)}", flush=True)
            if not arguments.brief:
                print(timeline, flush=True)
    print(f"{len(cells)} cells, {failed} failed, {time.perf_counter() - began:.0f} s")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
