"""Figures of runs, drawn with matplotlib (``pip install libgpusched[plot]``).

Every function takes ``ax=None``, the Axes to draw on (None: those of a new figure), and returns
them. Runs are given as one :class:`Result`, as several, or as a mapping from label to run. In
place of a Result may stand a table (of this package, pandas or polars) with the columns that the
figure needs: those of timeline.csv, demand.csv and jobs.csv that ``gpusched-sim run --out`` writes;
``gpus``, the size of the cluster, is then to be given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from . import _core
from .errors import refuse
from .partition_map import IDLE, LINE, rows_of
from .simulator import Result, State
from .table import Table
from .trace import Cluster

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["allocation", "comparison", "fragmentation", "partitions", "utilisation", "waiting"]

Run: TypeAlias = "Result | Any"  # a table is anything with named columns
Runs: TypeAlias = "Run | Iterable[Run] | Mapping[str, Run]"

# Column of a sweep: label, unit, factor.
MEASURES = {
    "acceptance": ("accepted jobs", "%", 100.0),
    "acceptance_by_size": ("accepted, by size", "%", 100.0),
    "gpu_allocation": ("GPU allocation", "%", 100.0),
    "mig_allocation": ("allocation of MIG slices", "%", 100.0),
    "utilisation_active": ("allocation of active GPUs", "%", 100.0),
    "fragment_ratio": ("fragmented part of free GPUs", "%", 100.0),
    "fragment_gpus": ("fragmented", "GPUs", 1.0),
    "unusable_slices": ("unusable slices", "placement units", 1.0),
    "active_gpus": ("active", "GPUs", 1.0),
    "wait_s_p50": ("wait, p50", "s", 1.0),
    "wait_s_p95": ("wait, p95", "s", 1.0),
    "wait_s_p99": ("wait, p99", "s", 1.0),
    "wait_s_mean": ("wait, mean", "s", 1.0),
    "evictions": ("evictions", "count", 1.0),
    # With job profiles: of Result.summary["execution"].
    "goodput": ("goodput", "GPUs per GPU", 1.0),
    "slo_attainment": ("SLO attainment", "%", 100.0),
    "unserved": ("never started", "%", 100.0),
}
# Names of waiting times, by seconds.
WAIT_TICKS = {
    0: "0",
    1: "1 s",
    10: "10 s",
    60: "1 min",
    600: "10 min",
    3600: "1 h",
    21600: "6 h",
    86400: "1 d",
    864000: "10 d",
    8640000: "100 d",
}


def allocation(runs: Runs, *, gpus: int | None = None, ax: Axes | None = None) -> Axes:
    """How full the cluster gets as demand adds up: allocated over arrived GPUs, in % of all.

    A single run is shown with what it was asked for at a time (every job started when it came) and
    with its fragmented GPUs. Columns: arrived_gpus, gpu_allocated, and where they are there
    offered_gpus, fragment_gpus.
    """
    ax = _axes(ax)
    named = _named(runs)
    for label, run in named.items():
        arrived = _column(run, "arrived_gpus")
        # After the last arrival the cluster only drains.
        last = int(np.searchsorted(arrived, arrived[-1])) + 1
        size = _gpus(run, gpus)
        x = 100 * arrived[:last] / size
        ax.plot(x, 100 * _column(run, "gpu_allocated")[:last], label=label or "allocated")
        if len(named) > 1:
            continue
        for name, shown, style in (
            ("offered_gpus", "demanded", "--"),
            ("fragment_gpus", "fragmented", "-."),
        ):
            if _has(run, name):
                ax.plot(x, 100 * _column(run, name)[:last] / size, style, label=shown)
    ax.set(xlabel="arrived demand, % of all GPUs", ylabel="% of all GPUs", xlim=(0, None))
    # Demand has no bound: an overloaded cluster would be a flat line below it.
    ax.set_ylim(0, min(150, ax.get_ylim()[1]))
    return _finish(ax)


def fragmentation(
    runs: Runs, *, over: str = "time", gpus: int | None = None, ax: Axes | None = None
) -> Axes:
    """Free GPUs that the expected mix of requests cannot use, by FGD's measure.

    ``over``: "time", or "demand": arrived GPUs in % of all, as FGD's figures have it. A single run
    is shown with its free GPUs. Columns: fragment_gpus, gpu_allocated, and time_s or arrived_gpus.
    """
    if over not in ("time", "demand"):
        raise refuse(f"over {over!r} is unknown", "Known: time, demand")
    ax = _axes(ax)
    named = _named(runs)
    unit, seconds = _time_unit(named.values()) if over == "time" else ("", 1.0)
    for label, run in named.items():
        fragments = _column(run, "fragment_gpus")
        if over == "time":
            x = _column(run, "time_s") / seconds
        else:
            x = 100 * _column(run, "arrived_gpus") / _gpus(run, gpus)
        ax.step(x, fragments, where="pre", label=label or "fragmented")
        if len(named) == 1:
            free = _gpus(run, gpus) * (1 - _column(run, "gpu_allocated"))
            ax.step(x, free, "--", where="pre", label="free")
    xlabel = f"time, {unit}" if over == "time" else "arrived demand, % of all GPUs"
    ax.set(xlabel=xlabel, ylabel="GPUs", xlim=(0, None), ylim=(0, None))
    return _finish(ax)


def utilisation(runs: Runs, *, gpus: int | None = None, ax: Axes | None = None) -> Axes:
    """Allocated share of all GPUs over time.

    A single run is shown with its active GPUs (those that hold anything), and how full these are:
    that tells packing from spreading. Columns: time_s, gpu_allocated, active_gpus.
    """
    ax = _axes(ax)
    named = _named(runs)
    unit, seconds = _time_unit(named.values())
    for label, run in named.items():
        x = _column(run, "time_s") / seconds
        share = _column(run, "gpu_allocated")
        ax.step(x, 100 * share, where="pre", label=label or "allocated of all GPUs")
        if len(named) > 1:
            continue
        active = _column(run, "active_gpus") / _gpus(run, gpus)
        ax.step(x, 100 * active, "--", where="pre", label="active GPUs")
        with np.errstate(invalid="ignore"):
            packed = np.where(active > 0, share / active, np.nan)
        ax.step(x, 100 * packed, ":", where="pre", label="allocated of active GPUs")
    ax.set(xlabel=f"time, {unit}", ylabel="share, %", xlim=(0, None), ylim=(0, 105))
    return _finish(ax)


def waiting(runs: Runs, *, ax: Axes | None = None) -> Axes:
    """Share of the jobs that started which had waited no longer, over the waiting time.

    Logarithmic from 1 s on. The legend says how many never started. Columns: submit_s,
    first_start_s.
    """
    ax = _axes(ax)
    most = 1.0
    for label, run in _named(runs).items():
        waits = _column(run, "first_start_s", "jobs") - _column(run, "submit_s", "jobs")
        started = np.sort(waits[~np.isnan(waits)])
        if len(started) == 0:
            raise refuse(f"no job of {label or 'the run'} started")
        values, counts = np.unique(started, return_counts=True)
        share = 100 * np.cumsum(counts) / len(started)
        most = max(most, float(values[-1]))
        never = len(waits) - len(started)
        shown = (label or "jobs that started") + (f" ({never} never started)" if never else "")
        # From 0 % on, so that those who did not wait are a rise of the line.
        ax.step(np.append(0, values), np.append(0, share), where="post", label=shown)
    ax.set_xscale("symlog", linthresh=1.0)
    ax.set_xticks(list(WAIT_TICKS), list(WAIT_TICKS.values()))
    ax.set_xticks([], minor=True)
    ax.set(xlabel="waiting time", ylabel="% of jobs", xlim=(0, 1.3 * most), ylim=(0, 103))
    return _finish(ax)


def comparison(
    table: Any,
    *,
    measure: str = "acceptance",
    by: str | Iterable[str] = "policy",
    ax: Axes | None = None,
) -> Axes:
    """Means with 95 % confidence intervals (Student's t) over the seeds, the highest first.

    ``table``: what :func:`sweep` returned, or ``gpusched-sim compare --out`` wrote. ``measure``: a
    column of it. ``by``: columns that tell apart what is compared; the rows that agree in them are
    repeats, each with a seed of its own. A single seed has no interval.
    """
    ax = _axes(ax)
    names = [by] if isinstance(by, str) else list(by)
    groups: dict[str, dict[Any, float]] = {}
    keys = zip(*(_column(table, name) for name in names), strict=True)
    seeds, values = _column(table, "seed"), _column(table, measure)
    label, unit, factor = MEASURES.get(measure, (measure.replace("_", " "), "", 1.0))
    for key, seed, value in zip(keys, seeds, values, strict=True):
        runs = groups.setdefault(", ".join(str(part) for part in key), {})
        if seed in runs:
            raise refuse(
                f"{', '.join(names)} {key} has seed {seed} twice",
                "Name in `by` what else these runs differ in",
            )
        runs[seed] = factor * float(value)
    estimates = {name: _core.estimate(list(runs.values())) for name, runs in groups.items()}
    ordered = sorted(estimates, key=lambda name: estimates[name][0])
    ax.errorbar(
        [estimates[name][0] for name in ordered],
        range(len(ordered)),
        xerr=[estimates[name][1] for name in ordered],
        fmt="o",
        capsize=3,
    )
    ax.set_yticks(range(len(ordered)), ordered)
    ax.set(xlabel=f"{label}, {unit}" if unit else label, ylim=(-0.6, len(ordered) - 0.4))
    ax.grid(axis="x", alpha=0.3)
    return ax


def partitions(thing: State | Cluster, *, ax: Axes | None = None) -> Axes:
    """Every GPU as a box, by node, with the MIG instances and shares on it; a colour per pod.

    Instances lie at their placement units. At most 40 nodes are shown.
    """
    if not isinstance(thing, (State, Cluster)):
        raise TypeError(f"a map is of a State or a Cluster, not {type(thing).__name__}")
    rows = rows_of(thing)
    if not rows:
        raise refuse("there are no GPUs")
    widest = max(len(row.gpus) for row in rows)
    ax = _axes(ax, size=(1.5 + 0.9 * widest, 1.2 + 0.32 * len(rows)))
    from matplotlib.patches import Rectangle

    for y, row in enumerate(rows):
        for gpu, pieces in enumerate(row.gpus):
            left, bottom = gpu + 0.04, y - 0.4
            ax.add_patch(Rectangle((left, bottom), 0.92, 0.8, facecolor=IDLE, edgecolor=LINE))
            for piece in pieces:
                ax.add_patch(
                    Rectangle(
                        (left + 0.92 * piece.left, bottom),
                        0.92 * piece.wide,
                        0.8,
                        facecolor=piece.colour,
                        edgecolor="white",
                        linewidth=0.6,
                        label=f"{piece.pod}: {piece.what}",
                    )
                )
    ax.set_xticks([gpu + 0.5 for gpu in range(widest)], [str(gpu) for gpu in range(widest)])
    ax.set_yticks(range(len(rows)), [f"{row.node} ({row.model})" for row in rows])
    # The first node on top.
    ax.set(xlim=(0, widest), ylim=(len(rows) - 0.4, -0.6), xlabel="GPU of the node")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def _axes(ax: Axes | None, size: tuple[float, float] = (6.4, 3.6)) -> Axes:
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "figures need matplotlib: pip install libgpusched[plot]"
        ) from None
    return plt.subplots(figsize=size, layout="constrained")[1]


def _finish(ax: Axes) -> Axes:
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    return ax


def _is_table(run: Any) -> bool:
    return isinstance(run, Table) or hasattr(run, "columns")


def _named(runs: Runs) -> dict[str, Run]:
    """Runs by label; a single one without a label has ""."""
    if isinstance(runs, Result) or _is_table(runs):
        return {"": runs}
    if isinstance(runs, Mapping):
        named = dict(runs)
    else:
        named = {}
        for number, run in enumerate(runs):
            label = run.policy.name if isinstance(run, Result) else f"run {number + 1}"
            named[f"{label} ({number + 1})" if label in named else label] = run
    if not named:
        raise refuse("there are no runs to draw")
    for run in named.values():
        if not isinstance(run, Result) and not _is_table(run):
            raise TypeError(f"a run is a Result or a table, not {type(run).__name__}")
    return named


def _tables(run: Run, table: str) -> list[Any]:
    if not isinstance(run, Result):
        return [run]
    return [run.jobs] if table == "jobs" else [run.timeline, run.demand]


def _has(run: Run, name: str) -> bool:
    return any(name in table.columns for table in _tables(run, "timeline"))


def _column(run: Run, name: str, table: str = "timeline") -> np.ndarray[Any, Any]:
    for columns in _tables(run, table):
        if name in columns.columns:
            return np.asarray(columns[name])
    raise refuse(
        f"column '{name}' is missing", f"Given: {', '.join(_tables(run, table)[0].columns)}"
    )


def _gpus(run: Run, gpus: int | None) -> int:
    size = run.num_gpus if isinstance(run, Result) else gpus
    if size is None:
        raise refuse("a table does not say how many GPUs there are", "Give gpus=")
    if size < 1:
        raise refuse("there are no GPUs")
    return size


def _time_unit(runs: Iterable[Run]) -> tuple[str, float]:
    """A unit in which the longest run has a readable number."""
    span = max(float(_column(run, "time_s").max(initial=0)) for run in runs)
    for name, seconds in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if span >= 3 * seconds:
            return name, seconds
    return "s", 1.0
