"""Writes one ledger from many processes, and kills some of them while they write.

    python -m tests.long.ledger_stress 20 60

runs 20 processes for 60 s. No record may be lost or broken. Each process keeps a journal of the
steps that it begins and of those that it has completed.
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

MAX_OPEN = 20
KILL_INTERVAL_S, READ_INTERVAL_S = 0.2, 0.02


def write_forever(folder: Path, journal: Path) -> None:
    """Write and remove ledger entries until the process is killed.

    Args:
        folder: The folder of the ledger.
        journal: The file that receives a line for each action.
    """
    ledger, dice = Ledger(folder), random.Random(os.getpid())
    held: list[LedgerEntry] = []
    number = 0
    with journal.open("a", buffering=1) as note:
        while True:
            if len(held) < MAX_OPEN and dice.random() < 0.6:
                number += 1
                key = f"{os.getpid()}-{number}"
                pending = LedgerEntry.pending("acme", key, "room", f"avatar-{key}")
                provisioned = pending.with_session(
                    ProvisionedAvatar(session_id=f"s-{key}", identity=pending.identity)
                )
                note.write(f"writing {provisioned.file_name}\n")
                ledger.write(pending)
                ledger.write(provisioned)
                note.write(f"written {provisioned.file_name}\n")
                ledger.remove(pending)
                held.append(provisioned)
            elif held:
                ledger_entry = held.pop(dice.randrange(len(held)))
                note.write(f"removing {ledger_entry.file_name}\n")
                ledger.remove(ledger_entry)
                note.write(f"removed {ledger_entry.file_name}\n")


@dataclass
class Result:
    """The result of one run.

    Attributes:
        kills: Processes that were killed.
        records: Records that were written.
        reads: Reads of the whole ledger meanwhile.
        faults: Faults that were found, with their counts.
    """

    kills: int = 0
    records: int = 0
    reads: int = 0
    faults: Counter[str] = field(default_factory=Counter)


def stress(processes: int, seconds: float, folder: Path) -> Result:
    """Run forks of this process, and replace each that is killed.

    Args:
        processes: Number of processes at once.
        seconds: Duration in seconds.
        folder: Folder for the ledger and the journals.

    Returns:
        The counts, and the faults that were found.
    """
    ledger, result, dice = Ledger(folder / "ledger"), Result(), random.Random(processes)
    journals = folder / "journals"
    journals.mkdir()

    def begin() -> int:
        journal = journals / str(time.monotonic_ns())
        pid = os.fork()
        if pid == 0:
            try:
                write_forever(folder / "ledger", journal)
            finally:
                os._exit(1)
        return pid

    def end(pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)

    pids = [begin() for _ in range(processes)]
    until, kill_at = time.monotonic() + seconds, time.monotonic() + seconds / 4
    while time.monotonic() < until:
        for ledger_entry in ledger.read_all():
            result.faults["broken when read"] += ledger_entry.provider != "acme"
        result.reads += 1
        time.sleep(READ_INTERVAL_S)
        if time.monotonic() > kill_at:
            kill_at += KILL_INTERVAL_S
            end(pids.pop(dice.randrange(len(pids))))
            result.kills += 1
            pids.append(begin())
    for pid in pids:
        end(pid)
    _audit(ledger, list(journals.iterdir()), result)
    return result


def _audit(ledger: Ledger, journals: list[Path], result: Result) -> None:
    """Compare the ledger with the journals; the last step of a process may be incomplete."""
    assert ledger.folder is not None
    existing = {path.name for path in ledger.folder.glob("*.json")}
    readable = {ledger_entry.file_name for ledger_entry in ledger.read_all()}
    result.faults["broken"] += len(existing - readable)
    known: set[str] = set()
    for journal in journals:
        steps = dict(line.split()[::-1] for line in journal.read_text().splitlines())
        known |= steps.keys()
        result.records += len(steps)
        for name, last in steps.items():
            result.faults["lost"] += last == "written" and name not in existing
            result.faults["not removed"] += last == "removed" and name in existing
    by_key = Counter(ledger_entry.key for ledger_entry in ledger.read_all())
    unknown = [one for one in ledger.read_all() if one.session_id and one.file_name not in known]
    result.faults["not in a journal"] += len(unknown)
    # A process that was killed between the two writes leaves a pending entry beside its session.
    result.faults["doubled"] += sum(count > 2 for count in by_key.values())
    result.faults += Counter()


def main() -> int:
    """Print the result.

    Returns:
        The exit code: 1 if there was a fault, otherwise 0.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = stress(int(sys.argv[1]), float(sys.argv[2]), Path(folder))
    print(json.dumps({**vars(result), "faults": dict(result.faults)}))
    return int(bool(result.faults))


if __name__ == "__main__":
    raise SystemExit(main())
