"""What the tests share: the command line to compare with, and small runs."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

import libgpusched as gs

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session", autouse=True)
def hears_ctrl_c():
    """Shells have what they start in the background ignore SIGINT; tests send it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def gpusched_sim():
    """Runs gpusched-sim with these arguments; its standard output."""
    program = os.environ.get("GPUSCHED_SIM", str(ROOT / "build/release/bin/gpusched-sim"))

    def run(*arguments):
        done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def mig_trace():
    return gs.Trace.generate("mig-mix", seed=7, jobs=400, gpus=32, load=1.2)


@pytest.fixture(scope="session")
def result(mig_trace):
    return gs.Simulator("4xH100-80GB-SXM5:8", mig_trace, policy="buddy", decisions=True).run()
