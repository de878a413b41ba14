"""Sweeps: order, executors, cache."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest

import libgpusched as gs

GRID = {
    "cluster": "2xH100-80GB-SXM5:8",
    "trace": "generate:mig-mix:jobs=150,gpus=16,load=1.3",
    "policy": ["buddy", "first_fit"],
    "queue": "reject",
    "seed": [1, 2, 3],
}


def as_dict(table):
    return {name: list(table[name]) for name in table.columns}


def test_rows_are_in_the_order_of_the_grid():
    table = gs.sweep(GRID)
    assert list(table["policy"]) == ["buddy"] * 3 + ["first_fit"] * 3
    assert list(table["seed"]) == [1, 2, 3] * 2
    assert len(set(zip(table["acceptance"], table["gpu_allocation"], strict=True))) == 6
    trace = gs.Trace.generate("mig-mix", seed=2, jobs=150, gpus=16, load=1.3)
    alone = gs.Simulator(GRID["cluster"], trace, policy="buddy", queue="reject", seed=2).run()
    assert table["acceptance"][1] == alone.summary["acceptance"]
    assert table["wait_s_p99"][1] == alone.summary["wait_s"]["p99"]


def test_threads_and_processes_agree():
    trace = gs.Trace.generate("mig-mix", seed=5, jobs=150, gpus=16)
    grid = {
        "trace": trace,
        "cluster": gs.Cluster(GRID["cluster"]),
        "policy": ["buddy", "mfi"],
        "until": 5000,
    }
    with ThreadPoolExecutor(3) as threads, ProcessPoolExecutor(2) as processes:
        tables = [as_dict(gs.sweep(grid, executor=pool)) for pool in (None, threads, processes)]
        assert tables[0] == tables[1] == tables[2]
        seeds = [as_dict(gs.sweep(GRID, executor=pool)) for pool in (threads, processes)]
    assert seeds[0] == seeds[1]
    assert tables[0]["seed"] == [42, 42]


def test_what_is_known_is_not_run_again(tmp_path, monkeypatch):
    from libgpusched import sweeping

    first = as_dict(gs.sweep(GRID, cache=tmp_path))
    assert len(os.listdir(tmp_path)) == 6
    runs = []
    real = sweeping.run_task

    def counted(task):
        runs.append(task)
        return real(task)

    monkeypatch.setattr(sweeping, "run_task", counted)
    assert as_dict(gs.sweep(GRID, cache=tmp_path)) == first and not runs
    gs.sweep({**GRID, "seed": [3, 4]}, cache=tmp_path)
    assert sorted(task["seed"] for task in runs) == [4, 4]
    runs.clear()
    os.remove(tmp_path / sorted(os.listdir(tmp_path))[0])
    assert len(gs.sweep(GRID, cache=tmp_path)) == 6 and len(runs) <= 1


def test_the_cache_goes_by_content(tmp_path):
    path = tmp_path / "trace"
    cache = tmp_path / "cache"
    gs.Trace.generate("mig-mix", jobs=50, gpus=16).write(path)
    gs.sweep({"trace": str(path)}, cache=cache)
    gs.sweep({"trace": gs.Trace.from_file(path)}, cache=cache)
    assert len(os.listdir(cache)) == 1
    gs.Trace.generate("mig-mix", jobs=51, gpus=16).write(path)
    gs.sweep({"trace": str(path)}, cache=cache)
    assert len(os.listdir(cache)) == 2


def test_a_sweep_that_fails_goes_on_where_it_stopped(tmp_path):
    grid = [{"trace": GRID["trace"], "policy": name} for name in ("buddy", "nope")]
    with pytest.raises(gs.NotFoundError, match="nope"):
        gs.sweep(grid, cache=tmp_path)
    assert len(gs.sweep(grid[:1], cache=tmp_path)) == 1


KILLED = """
import json, os, sys
import libgpusched as gs
from libgpusched import sweeping
real = sweeping.run_task
def noted(task):
    with open(sys.argv[2], "a") as file:  # one write each: whole lines, also of a killed process
        file.write(json.dumps([task["policy"], task["seed"]]) + "\\n")
    return real(task)
sweeping.run_task = noted
table = gs.sweep(json.loads(sys.argv[1]), cache=sys.argv[3])
print(json.dumps({name: list(map(str, table[name])) for name in table.columns}))
"""


def test_a_killed_sweep_goes_on_and_repeats_no_finished_run(tmp_path):
    grid = {**GRID, "trace": "generate:mig-mix:jobs=3000,gpus=16,load=1.3", "seed": list(range(30))}
    notes, cache = tmp_path / "notes", tmp_path / "cache"
    command = [sys.executable, "-c", KILLED, json.dumps(grid), str(notes), str(cache)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while len(os.listdir(cache) if cache.exists() else []) < 8 and time.monotonic() < deadline:
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert child.returncode == -signal.SIGKILL
    finished = sum(name.endswith(".json") for name in os.listdir(cache))
    assert 8 <= finished < 60
    begun = len(notes.read_text().splitlines())
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    again = notes.read_text().splitlines()[begun:]
    assert len(again) == len(set(again)) == 60 - finished  # those that had not ended, each once
    assert json.loads(done.stdout) == {
        name: list(map(str, values)) for name, values in as_dict(gs.sweep(grid)).items()
    }


def test_order_prices_and_compat_reach_every_run(tmp_path):
    trace = gs.Trace.generate("openb-like", seed=1, jobs=50, nodes=4)
    order = tmp_path / "order"
    order.write_text("arrivals " + " ".join(str(49 - i) for i in range(50)) + "\n")
    prices = {str(model): 2.0 for model in set(trace.cluster.nodes["gpu_model"]) if model}
    grid = {"trace": trace, "policy": "fgd", "compat": "fgd-paper", "order": str(order)}
    (row,) = gs.sweep([{**grid, "prices": prices}], cache=tmp_path / "cache")["gpu_allocation"]
    alone = gs.Simulator(None, trace, policy="fgd", compat="fgd-paper", order=order).run()
    assert row == alone.summary["gpu_allocation"]


def test_policies_in_python_are_run_and_not_kept(tmp_path):
    class Flat(gs.Policy):
        def score(self, view):
            return [0.0] * len(view)

    table = gs.sweep({**GRID, "policy": [Flat(), "buddy"], "seed": 1}, cache=tmp_path)
    assert list(table["policy"]) == ["Flat", "buddy"] and len(os.listdir(tmp_path)) == 1


def test_progress_and_bad_grids():
    calls = []
    gs.sweep({**GRID, "seed": [1]}, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 2), (2, 2)]
    with pytest.raises(gs.InvalidArgumentError, match="no runs"):
        gs.sweep({**GRID, "seed": []})
    with pytest.raises(gs.InvalidArgumentError, match="no trace"):
        gs.sweep({"policy": "fgd"})
    with pytest.raises(TypeError, match="unexpected keyword"):
        gs.sweep({**GRID, "colour": "red"})
