"""The package as a whole: what it imports, what it promises to type checkers."""

import importlib.metadata
import importlib.resources
import statistics
import subprocess
import sys

import pytest

import libgpusched as gs
from conftest import ROOT

IMPORT = """
import time, sys
import numpy
before = set(sys.modules)
begin = time.process_time()
import libgpusched
print(1000 * (time.process_time() - begin))
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
"""


def test_import_takes_little_beyond_numpy():
    runs = [
        subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True)
        for _ in range(5)
    ]
    times_ms = [float(run.stdout.splitlines()[0]) for run in runs]
    assert statistics.median(times_ms) <= 40, times_ms
    for heavy in ("pandas", "polars", "pyarrow", "concurrent", "yaml"):
        assert heavy not in runs[0].stdout.splitlines()[1].split()


def test_numpy_is_all_it_needs():
    requires = importlib.metadata.requires("libgpusched")
    assert [name for name in requires if "extra ==" not in name] == ["numpy>=1.24"]


def test_everything_public_is_there_and_documented():
    for name in gs.__all__:
        thing = getattr(gs, name)
        assert name == "__version__" or thing.__doc__, name
    assert gs.__version__ == importlib.metadata.version("libgpusched")
    with pytest.raises(AttributeError):
        gs.nothing  # noqa: B018


def test_it_is_typed():
    files = importlib.resources.files("libgpusched")
    assert files.joinpath("py.typed").is_file() and files.joinpath("_core.pyi").is_file()


def test_stubs_are_those_of_the_module(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "pybind11_stubgen", "libgpusched._core", "-o", str(tmp_path)],
        check=True,
        capture_output=True,
    )
    made = (tmp_path / "libgpusched/_core.pyi").read_text()
    committed = (ROOT / "bindings/libgpusched/_core.pyi").read_text()
    assert made == committed, "run tests/python/stubs"


@pytest.mark.parametrize(
    "command",
    [
        ["mypy", "--cache-dir", "/dev/null"],
        ["ruff", "check", "--no-cache"],
        ["ruff", "format", "--no-cache", "--check"],
    ],
    ids=["mypy", "ruff", "format"],
)
def test_sources_pass(command):
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
