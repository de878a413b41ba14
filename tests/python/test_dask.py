"""Sweeps on a dask cluster, one worker of which is killed."""

import os
import signal

import pytest

import libgpusched as gs

distributed = pytest.importorskip("distributed")

GRID = {
    "cluster": gs.Cluster("16xH100-80GB-SXM5:8"),
    "trace": gs.Trace.generate("mig-mix", seed=5, jobs=4000, gpus=128, load=1.1),
    "policy": ["buddy", "mfi", "first_fit", "random"],
    "seed": range(1, 7),
}


def as_dict(table):
    return {name: list(table[name]) for name in table.columns}


@pytest.fixture(scope="module")
def expected():
    return as_dict(gs.sweep(GRID))


@pytest.fixture
def client():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit=0
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_rows_are_those_of_threads(client, expected):
    assert as_dict(gs.sweep(GRID, executor=client.get_executor())) == expected


def test_a_killed_worker_costs_time_only(client, expected, tmp_path):
    workers = client.run(os.getpid)
    done, killed = [], []

    def progress(count, total):
        done.append(count)
        if count == 3:
            address, tasks = max(client.processing().items(), key=lambda item: len(item[1]))
            assert tasks  # it dies in the middle of a run
            killed.append(workers[address])
            os.kill(workers[address], signal.SIGKILL)

    table = gs.sweep(GRID, executor=client.get_executor(), cache=tmp_path, progress=progress)
    assert as_dict(table) == expected
    assert done == list(range(1, 25))
    assert killed[0] not in client.run(os.getpid).values()
    assert len(os.listdir(tmp_path)) == 24
