"""A sweep of 200 runs: what threads reach of two independent processes, and the same from all.

    sweep_speed.py [ROUNDS]    default 3; threads and processes take turns

Two processes of their own, each with half of the runs one after the other, are what the machine
can do: they share nothing, no interpreter, no allocator. Each is told when to start, so that
starting an interpreter and importing do not count.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import libgpusched as gs

GRID: dict[str, Any] = {
    "cluster": "100xH100-80GB-SXM5:8",
    "trace": "generate:mig-mix:jobs=6000,gpus=800,load=1.0",
    "policy": ["buddy", "mfi"],
    "queue": "reject",
    "seed": list(range(1, 101)),
}

HALF = """
import json, sys, time
import libgpusched as gs
from libgpusched.sweeping import run_task
tasks = json.loads(sys.stdin.readline())
print("ready", flush=True)
sys.stdin.readline()
begin = time.process_time()
rows = [run_task(task) for task in tasks]
print(json.dumps([time.process_time() - begin, rows]), flush=True)
"""


def tasks() -> list[dict[str, Any]]:
    return [
        {**GRID, "policy": policy, "seed": seed}
        for policy in GRID["policy"]
        for seed in GRID["seed"]
    ]


def in_two_processes() -> tuple[float, float, list[dict[str, Any]]]:
    """Seconds, CPU seconds of both, and the figures by task."""
    halves = [tasks()[0::2], tasks()[1::2]]
    children = [
        subprocess.Popen(
            [sys.executable, "-c", HALF], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in halves
    ]
    for child, half in zip(children, halves, strict=True):
        assert child.stdin is not None and child.stdout is not None
        child.stdin.write(json.dumps(half) + "\n")
        child.stdin.flush()
        assert child.stdout.readline() == "ready\n"
    begin = time.perf_counter()
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    said = [json.loads(child.communicate()[0]) for child in children]
    seconds = time.perf_counter() - begin
    cpu_s = sum(cpu for cpu, _ in said)
    return seconds, cpu_s, [said[i % 2][1][i // 2] for i in range(len(tasks()))]


def in_threads() -> tuple[float, float, gs.Table]:
    with ThreadPoolExecutor(2) as pool:
        begin, cpu_begin = time.perf_counter(), time.process_time()
        table = gs.sweep(GRID, executor=pool)
        return time.perf_counter() - begin, time.process_time() - cpu_begin, table


def columns(table: gs.Table) -> dict[str, list[Any]]:
    return {name: list(map(str, table[name])) for name in table.columns}


def main(rounds: int) -> None:
    ratios = []
    for _ in range(rounds):
        apart_s, apart_cpu_s, rows = in_two_processes()
        threads_s, threads_cpu_s, table = in_threads()
        for name in ("acceptance", "gpu_allocation", "decisions"):
            assert list(table[name]) == [row[name] for row in rows], name
        ratios.append(apart_s / threads_s)
        print(
            f"200 runs: two processes {apart_s:.2f} s ({apart_cpu_s:.2f} s of CPU), "
            f"threads {threads_s:.2f} s ({threads_cpu_s:.2f}): "
            f"threads reach {ratios[-1]:.1%}, by CPU {apart_cpu_s / threads_cpu_s:.1%}"
        )
    print(f"median of {rounds}: threads reach {statistics.median(ratios):.1%}")
    with ProcessPoolExecutor(2) as pool:
        assert columns(gs.sweep(GRID, executor=pool)) == columns(table)
    print("a process pool gives the same table")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
