"""GPU placement decisions and a cluster simulator, in Python.

>>> import libgpusched as gs
>>> result = gs.Simulator("4xH100-80GB-SXM5:8", gs.Trace.generate("mig-mix", jobs=500)).run()
>>> result.summary["acceptance"], result.jobs["start_s"]

Everything runs in C++ with the GIL released; docs/python.md has the tour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._core import GpuModel, JobProfile, MigLattice, MigProfile, NodesView, Request, gpu_models
from ._core import version as __version__
from .errors import (
    AlreadyExistsError,
    DataLossError,
    Error,
    InternalError,
    InvalidArgumentError,
    IoError,
    NotFoundError,
    UnsupportedError,
)
from .policy import Policy, policies
from .profiles import job_profile, read_job_profiles
from .simulator import Explanation, Result, Simulator, State, Summary, explain
from .table import Table
from .trace import Cluster, Report, Trace, generators

if TYPE_CHECKING:
    from .sweeping import sweep

__all__ = [
    "AlreadyExistsError",
    "Cluster",
    "DataLossError",
    "Error",
    "Explanation",
    "GpuModel",
    "InternalError",
    "InvalidArgumentError",
    "IoError",
    "JobProfile",
    "MigLattice",
    "MigProfile",
    "NodesView",
    "NotFoundError",
    "Policy",
    "Report",
    "Request",
    "Result",
    "Simulator",
    "State",
    "Summary",
    "Table",
    "Trace",
    "UnsupportedError",
    "__version__",
    "explain",
    "generators",
    "gpu_models",
    "job_profile",
    "policies",
    "read_job_profiles",
    "sweep",
]


def __getattr__(name: str) -> Any:
    # concurrent.futures takes longer to import than all the rest.
    if name == "sweep":
        import importlib

        function = importlib.import_module(".sweeping", __name__).sweep
        globals()["sweep"] = function
        return function
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
