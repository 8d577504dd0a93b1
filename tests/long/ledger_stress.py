"""Many processes on one ledger, some of them killed as they write: no record is lost or broken.

    python -m tests.long.ledger_stress 20 60

runs twenty for a minute. Each keeps a journal of what it is about to do and of what it has done.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from avatar_core.contracts.provisioning import ProvisionedAvatar
from avatar_core.provisioning.ledger import Ledger
from avatar_core.provisioning.ledger_entry import LedgerEntry

MOST_OPEN = 20
KILL_EVERY_S, LOOK_EVERY_S = 0.2, 0.02


def work(folder: Path, journal: Path) -> None:
    """Buy and end, for ever."""
    ledger, dice = Ledger(folder), random.Random(os.getpid())
    held: list[LedgerEntry] = []
    number = 0
    with journal.open("a", buffering=1) as note:
        while True:
            if len(held) < MOST_OPEN and dice.random() < 0.6:
                number += 1
                key = f"{os.getpid()}-{number}"
                asked = LedgerEntry.pending("acme", key, "room", f"avatar-{key}")
                bought = asked.with_session(
                    ProvisionedAvatar(session_id=f"s-{key}", identity=asked.identity)
                )
                note.write(f"writing {bought.file_name}\n")
                ledger.write(asked)
                ledger.write(bought)
                note.write(f"written {bought.file_name}\n")
                ledger.remove(asked)
                held.append(bought)
            elif held:
                entry = held.pop(dice.randrange(len(held)))
                note.write(f"removing {entry.file_name}\n")
                ledger.remove(entry)
                note.write(f"removed {entry.file_name}\n")


@dataclass
class Outcome:
    """What came of it.

    Attributes:
        kills: Processes killed.
        records: Written in all.
        looks: How often the whole ledger was read meanwhile.
        faults: What was wrong, and how often.
    """

    kills: int = 0
    records: int = 0
    looks: int = 0
    faults: Counter[str] = field(default_factory=Counter)


def crowd(processes: int, seconds: float, folder: Path) -> Outcome:
    """Run so many for so long, forks of this process; who is killed is replaced."""
    ledger, outcome, dice = Ledger(folder / "ledger"), Outcome(), random.Random(processes)
    journals = folder / "journals"
    journals.mkdir()

    def begin() -> int:
        journal = journals / str(time.monotonic_ns())
        pid = os.fork()
        if pid == 0:
            try:
                work(folder / "ledger", journal)
            finally:
                os._exit(1)
        return pid

    def end(pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)

    crew = [begin() for _ in range(processes)]
    until, kill_at = time.monotonic() + seconds, time.monotonic() + seconds / 4
    while time.monotonic() < until:
        for entry in ledger.read_all():
            outcome.faults["broken as it was read"] += entry.provider != "acme"
        outcome.looks += 1
        time.sleep(LOOK_EVERY_S)
        if time.monotonic() > kill_at:
            kill_at += KILL_EVERY_S
            end(crew.pop(dice.randrange(len(crew))))
            outcome.kills += 1
            crew.append(begin())
    for pid in crew:
        end(pid)
    _audit(ledger, list(journals.iterdir()), outcome)
    return outcome


def _audit(ledger: Ledger, journals: list[Path], outcome: Outcome) -> None:
    """What every process said it had done is so; its last step may be half done."""
    assert ledger.folder is not None
    there = {path.name for path in ledger.folder.glob("*.json")}
    readable = {entry.file_name for entry in ledger.read_all()}
    outcome.faults["broken"] += len(there - readable)
    known: set[str] = set()
    for journal in journals:
        said = dict(line.split()[::-1] for line in journal.read_text().splitlines())
        known |= said.keys()
        outcome.records += len(said)
        for name, last in said.items():
            outcome.faults["lost"] += last == "written" and name not in there
            outcome.faults["not removed"] += last == "removed" and name in there
    by_key = Counter(entry.key for entry in ledger.read_all())
    unasked = [one for one in ledger.read_all() if one.session_id and one.file_name not in known]
    outcome.faults["nobody's"] += len(unasked)
    # One that was killed between a claim and the end of its intent holds both: no other.
    outcome.faults["doubled"] += sum(count > 2 for count in by_key.values())
    outcome.faults += Counter()


def main() -> int:
    """The exit code is 1 if something was wrong."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = crowd(int(sys.argv[1]), float(sys.argv[2]), Path(folder))
    print(json.dumps({**vars(outcome), "faults": dict(outcome.faults)}))
    return int(bool(outcome.faults))


if __name__ == "__main__":
    raise SystemExit(main())
