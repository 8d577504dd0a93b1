"""Measures interruptions over 5 Mbit/s, in a network namespace with a rate limit on loopback.

WebRTC does not offer addresses of loopback interfaces. The namespace therefore gets an
additional address. The kernel sends packets for this address through loopback, so that the rate
limit applies to them.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import sys
from collections.abc import Sequence

from benchmarks.bench.faults import measure_loaded_clear
from benchmarks.bench.results import Samples

ROW = "clear_loaded_narrow_ms"
RATE = "5mbit"
TIMEOUT_S = 240.0
COMMAND = (
    "ip link set lo mtu 1500 up"
    " && ip link add eth0 type veth peer name eth1"
    " && ip address add 192.0.2.1/24 dev eth0"
    " && ip link set eth0 up && ip link set eth1 up"
    f" && tc qdisc add dev lo root tbf rate {RATE} burst 16kb latency 400ms"
    ' && exec "$0" "$@"'
)


async def measure(names: Sequence[str], provider: str, times: int) -> dict[str, Samples] | str:
    """Measure interruptions over 5 Mbit/s while 20 s of audio are queued.

    Args:
        names: Names of the systems.
        provider: Name of the provider of the system `ours`; empty for our own worker.
        times: Number of interruptions for each system.

    Returns:
        Samples by system, or the reason why this machine cannot run the measurement.
    """
    if missing := [tool for tool in ("unshare", "ip", "tc") if shutil.which(tool) is None]:
        return f"the commands {', '.join(missing)} of iproute2 and util-linux are missing"
    process = await asyncio.create_subprocess_exec(
        *("unshare", "--net", "--map-root-user", "sh", "-c", COMMAND),
        *(sys.executable, "-m", "benchmarks.bench.low_bandwidth"),
        *(json.dumps(list(names)), provider, str(times)),
        env={**os.environ, "LIVEKIT_URL": ""},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return f"the measurement took longer than {TIMEOUT_S:g} s"
    if process.returncode:
        last = err.decode(errors="replace").strip().splitlines()[-1:] or ["no error message"]
        return f"the network namespace could not be created or its process failed ({last[0]})"
    results: dict[str, Samples] = {}
    for name, values in json.loads(out.decode().splitlines()[-1]).items():
        results[name] = Samples()
        for value in values:
            results[name].add(ROW, value)
    return results


async def _measure_in_namespace(
    names: Sequence[str], provider: str, times: int
) -> dict[str, list[float]]:
    from avatar_core.testing.server import DevServer
    from benchmarks.bench.run import open_session
    from benchmarks.bench.systems import select_systems
    from benchmarks.bench.turns import measure_interrupted_turn

    rng = random.Random(1)  # noqa: S311
    results: dict[str, list[float]] = {}
    async with DevServer.start() as server:
        for system in select_systems(server, provider, names):
            async with open_session(system, Samples()) as (measurement, _):
                await measure_interrupted_turn(measurement, rng)
                measurement.samples = Samples()
                for _ in range(times):
                    await measure_loaded_clear(measurement, rng, ROW)
                results[system.name] = measurement.samples.values[ROW]
    return results


if __name__ == "__main__":
    found = asyncio.run(
        _measure_in_namespace(json.loads(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
    )
    sys.stdout.write(json.dumps(found) + "\n")
