"""The same room over a narrow line: 5 Mbit/s on the loopback of a network namespace of its own.

WebRTC offers no address of a loopback interface, so the namespace gets another one as well; what
is sent to it from within still passes the loopback, and its limit.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import sys
from collections.abc import Sequence

from benchmarks.bench.faults import loaded_clear
from benchmarks.bench.results import Samples

ROW = "clear_loaded_narrow_ms"
RATE = "5mbit"
WITHIN_S = 240.0
COMMAND = (
    "ip link set lo mtu 1500 up"
    " && ip link add eth0 type veth participant name eth1"
    " && ip address add 192.0.2.1/24 dev eth0"
    " && ip link set eth0 up && ip link set eth1 up"
    f" && tc qdisc add dev lo root tbf rate {RATE} burst 16kb latency 400ms"
    ' && exec "$0" "$@"'
)


async def measure(names: Sequence[str], provider: str, times: int) -> dict[str, Samples] | str:
    """Interrupt each system so often with 20 s pushed, over 5 Mbit/s.

    Returns:
        Samples by system; or why this machine does not allow it.
    """
    if missing := [tool for tool in ("unshare", "ip", "tc") if shutil.which(tool) is None]:
        return f"{', '.join(missing)} of iproute2 and util-linux are needed"
    process = await asyncio.create_subprocess_exec(
        *("unshare", "--net", "--map-root-user", "sh", "-c", COMMAND),
        *(sys.executable, "-m", "benchmarks.bench.low_bandwidth"),
        *(json.dumps(list(names)), provider, str(times)),
        env={**os.environ, "LIVEKIT_URL": ""},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(WITHIN_S):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return f"it took longer than {WITHIN_S:g} s"
    if process.returncode:
        last = err.decode(errors="replace").strip().splitlines()[-1:] or ["no word"]
        return f"a network namespace of its own was refused or failed ({last[0]})"
    results: dict[str, Samples] = {}
    for name, values in json.loads(out.decode().splitlines()[-1]).items():
        results[name] = Samples()
        for value in values:
            results[name].add(ROW, value)
    return results


async def _main(names: Sequence[str], provider: str, times: int) -> dict[str, list[float]]:
    from avatar_core.testing.server import DevServer
    from benchmarks.bench.run import seated
    from benchmarks.bench.systems import systems_of
    from benchmarks.bench.turns import cut_turn

    chance = random.Random(1)  # noqa: S311
    results: dict[str, list[float]] = {}
    async with DevServer.start() as server:
        for system in systems_of(server, provider, names):
            async with seated(system, Samples()) as (place, _):
                await cut_turn(place, chance)
                place.samples = Samples()
                for _ in range(times):
                    await loaded_clear(place, chance, ROW)
                results[system.name] = place.samples.values[ROW]
    return results


if __name__ == "__main__":
    found = asyncio.run(_main(json.loads(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
    sys.stdout.write(json.dumps(found) + "\n")
