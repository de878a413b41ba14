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
    from . import plot, rl
    from .planning import Plan, Planner, plan_metrics
    from .reporting import report
    from .reshaping import ReshapePlan, plan_reshape
    from .solving import AcceptanceBound, Optimum, Snapshot, exact, exact_acceptance
    from .sweeping import sweep

__all__ = [
    "AcceptanceBound",
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
    "Optimum",
    "Plan",
    "Planner",
    "Policy",
    "Report",
    "Request",
    "ReshapePlan",
    "Result",
    "Simulator",
    "Snapshot",
    "State",
    "Summary",
    "Table",
    "Trace",
    "UnsupportedError",
    "__version__",
    "exact",
    "exact_acceptance",
    "explain",
    "generators",
    "gpu_models",
    "job_profile",
    "plan_metrics",
    "plan_reshape",
    "plot",
    "policies",
    "read_job_profiles",
    "report",
    "rl",
    "sweep",
]


# What few sessions need is imported when it is first asked for.
_LATER = {
    "sweep": "sweeping",
    **dict.fromkeys(("Plan", "Planner", "plan_metrics"), "planning"),
    **dict.fromkeys(("ReshapePlan", "plan_reshape"), "reshaping"),
    **dict.fromkeys(
        ("AcceptanceBound", "Optimum", "Snapshot", "exact", "exact_acceptance"), "solving"
    ),
    "report": "reporting",
}


def __getattr__(name: str) -> Any:
    import importlib

    if name in _LATER:
        thing = getattr(importlib.import_module(f".{_LATER[name]}", __name__), name)
        globals()[name] = thing
        return thing
    if name in ("plot", "rl"):
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
