"""What a run costs more from Python than from C++, what a policy in Python costs, and large tables.

    overhead.py [REPLAY_SECONDS]    the program; default build/release/bin/replay_seconds

Everything that is compared is measured in turns within one run, so that both see the same machine;
medians. openb is read from GPUSCHED_DATA_DIR (default ../shared/data); without it a generated trace
like it is taken, which is said.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

import libgpusched as gs

ROUNDS = 20
TABLE_ROWS = 10_000_000


class BestFit(gs.Policy):
    """The least GPU left over."""

    calls = 0

    def score(self, view: Any) -> np.ndarray:
        self.calls += 1
        return np.maximum(view.gpu_free_milli, 0).sum(axis=1)


def openb() -> tuple[gs.Trace, str]:
    """The default list of pods on the nodes with GPUs, as recorded."""
    folder = Path(os.environ.get("GPUSCHED_DATA_DIR", "../shared/data")) / "openb"
    if not folder.is_dir():
        return gs.Trace.generate("openb-like", jobs=8000, nodes=1200), "GENERATED, like openb"
    cluster = gs.Cluster.from_file(f"openb:{folder}/openb_node_list_gpu_node.csv")
    jobs = gs.Trace.from_file(f"openb:{folder}/openb_pod_list_default.csv")
    return gs.Trace._of(jobs._data.on_cluster(cluster._data)), "openb default"


def spread(seconds: list[float]) -> str:
    low, *_, high = sorted(seconds)
    return f"{1e3 * statistics.median(seconds):.2f} ms ({1e3 * low:.2f} to {1e3 * high:.2f})"


def compare_runs(program: str, policy: str, trace: gs.Trace, name: str) -> None:
    """Simulator.run() and summary against simulate() and summary in C++, in turns."""
    with tempfile.TemporaryDirectory() as folder:
        trace.write(folder)
        child = subprocess.Popen(
            [program, folder, policy], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert child.stdin is not None and child.stdout is not None
        simulator = gs.Simulator(None, gs.Trace.from_file(folder), policy=policy)
        wall: dict[str, list[float]] = {"C++": [], "Python": []}
        cpu: dict[str, list[float]] = {"C++": [], "Python": []}
        for number in range(ROUNDS + 1):
            child.stdin.write("\n")
            child.stdin.flush()
            of_cpp = [float(word) for word in child.stdout.readline().split()]
            begin, cpu_begin = time.perf_counter(), time.thread_time()
            assert simulator.run().summary
            of_python = [time.perf_counter() - begin, time.thread_time() - cpu_begin]
            for kind, (wall_s, cpu_s) in (("C++", of_cpp), ("Python", of_python)):
                if number > 0:  # the first warms up
                    wall[kind].append(wall_s)
                    cpu[kind].append(cpu_s)
        child.stdin.close()
        child.wait()
    print(f"{name}, {trace.num_jobs} jobs, {policy}: median of {ROUNDS} in turns")
    for kind in wall:
        print(f"  {kind:6}  wall {spread(wall[kind])}, CPU of the thread {spread(cpu[kind])}")
    for what, of in (("wall", wall), ("CPU", cpu)):
        ratio = statistics.median(of["Python"]) / statistics.median(of["C++"]) - 1
        print(f"  Python costs {ratio:+.1%} {what}")


def measure_policy(trace: gs.Trace, name: str) -> None:
    """A policy in Python against the same rule in C++; the callback alone on recorded views."""
    recorded: list[Any] = []

    class Recording(BestFit):
        def score(self, view: Any) -> np.ndarray:
            recorded.append(SimpleNamespace(gpu_free_milli=view.gpu_free_milli))
            return super().score(view)

    gs.Simulator(None, trace, policy=Recording()).run()
    policy = BestFit()
    times: dict[str, list[float]] = {"own": [], "known": [], "alone": []}
    for _ in range(ROUNDS):
        times["own"].append(thread_seconds(lambda: gs.Simulator(None, trace, policy=policy).run()))
        times["known"].append(
            thread_seconds(lambda: gs.Simulator(None, trace, policy="best_fit").run())
        )
        times["alone"].append(thread_seconds(lambda: [policy.score(view) for view in recorded]))
    calls = len(recorded)
    each = {kind: statistics.median(of) / calls * 1e6 for kind, of in times.items()}
    more = each["own"] - each["known"]
    decisions = gs.Simulator(None, trace, policy="best_fit").run().summary["decisions"]
    print(f"a policy in Python, {name}: {calls} calls of score() in {decisions} decisions")
    print(
        f"  {more:.2f} us per call more than best_fit in C++, of which the callback itself", end=""
    )
    print(f" {each['alone']:.2f} us: {more - each['alone']:.2f} us above it;")
    print(f"  per decision {(more - each['alone']) * calls / decisions:.2f} us")


def thread_seconds(call: Callable[[], object]) -> float:
    begin = time.thread_time()
    call()
    return time.thread_time() - begin


def measure_tables() -> None:
    """A timeline of many rows as a frame, without a copy."""
    import polars
    import pyarrow

    rows = np.arange(TABLE_ROWS)
    numbers = {f"figure_{i}": rows * (0.5 + i) for i in range(5)}
    table = gs.Table({"time_s": rows * 1.0, **numbers, "queued": rows, "running": rows})
    address = table["time_s"].__array_interface__["data"][0]
    arrow = pyarrow.table(table)
    assert arrow.column("time_s").chunk(0).buffers()[1].address == address
    frame = polars.DataFrame(table)
    assert frame["time_s"].to_numpy().__array_interface__["data"][0] == address
    for name, make in (("pyarrow.table", pyarrow.table), ("polars.DataFrame", polars.DataFrame)):
        times = []
        for _ in range(ROUNDS):
            begin = time.perf_counter()
            made = make(table)
            times.append(time.perf_counter() - begin)
            assert len(made) == TABLE_ROWS
        print(f"{name} of {TABLE_ROWS} rows and {len(table.columns)} columns: {spread(times)}")


if __name__ == "__main__":
    replay = sys.argv[1] if len(sys.argv) > 1 else "build/release/bin/replay_seconds"
    pods, what = openb()
    compare_runs(replay, "fgd", pods, what)
    compare_runs(replay, "placeable_online", pods, what)
    compare_runs(replay, "buddy", gs.Trace.generate("mig-mix", jobs=100_000, gpus=800), "mig-mix")
    measure_policy(pods, what)
    measure_policy(gs.Trace.generate("openb-like", jobs=5000, nodes=95), "openb-like, 95 nodes")
    measure_tables()
