"""What jobs demand over time, in GPUs: the table ``Result.demand``."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _core
from .errors import Error
from .table import Table

# Later than any time that a trace may have (3e18), and small enough to be added to one.
NEVER_NS = 2**62


def demand_of(trace: _core.Trace, times_s: np.ndarray[Any, Any]) -> Table:
    """At each time the demand of all jobs that came, and of those that would still run."""
    jobs = Table(trace.jobs())
    sizes = _sizes(trace, jobs)
    submits = _ns(jobs["submit_s"])
    ends = submits + _ns(jobs["duration_s"])
    arrived = _sum_until(submits, sizes, _ns(times_s))
    left = _sum_until(ends, sizes, _ns(times_s))
    return Table(
        {
            "time_s": times_s.tolist(),
            "arrived_gpus": arrived.tolist(),
            "offered_gpus": (arrived - left).tolist(),
        }
    )


def _ns(times_s: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    # Whole numbers, so that an end and a row of the timeline at the same time compare as equal.
    # Without a value: never; such jobs stay.
    known = ~np.isnan(times_s)
    times_ns = np.full(len(times_s), NEVER_NS)
    times_ns[known] = np.rint(times_s[known] * 1e9)
    return times_ns


def _sum_until(
    moments: np.ndarray[Any, Any], sizes: np.ndarray[Any, Any], times: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    order = np.argsort(moments, kind="stable")
    sums = np.concatenate([[0.0], np.cumsum(sizes[order])])
    return np.asarray(sums[np.searchsorted(moments[order], times, side="right")])


def _sizes(trace: _core.Trace, jobs: Table) -> np.ndarray[Any, Any]:
    """GPUs of each row; MIG instances count by placement units."""
    profiles = jobs["mig_profile"]
    of_profile = {name: _share_of_profile(trace, name) for name in set(profiles) if name}
    shares = [
        of_profile.get(name, milli / 1000)
        for name, milli in zip(profiles, jobs["gpu_milli"], strict=True)
    ]
    return np.asarray(jobs["num_gpu"] * jobs["replicas"] * np.array(shares))


def _share_of_profile(trace: _core.Trace, name: str) -> float:
    # One name is another share of another model: the first model that has the profile counts,
    # as in the acceptance by size.
    for model_name in dict.fromkeys(Table(trace.nodes())["gpu_model"]):
        try:
            model = _core.GpuModel(model_name or "")
        except Error:
            continue  # a node without GPUs
        for profile in model.profiles:
            if profile.name == name and model.placement_units:
                return profile.memory_units / model.placement_units
    return 1.0
