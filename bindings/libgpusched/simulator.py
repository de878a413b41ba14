"""Replays: Simulator, its Result, the State between steps, and explain()."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from . import _core
from .errors import refuse, whole
from .policy import Policy, as_policy, check_word
from .table import Table
from .trace import Cluster, Trace, checked_seed

QUEUES = ("reject", "fifo", "backfill", "lines")
TARGETS = ("trace", "none")
RESHAPES = ("off", "one-move")


class Summary(Mapping[str, Any]):
    """The figures of a run, read only, by name: ``summary["acceptance"]``.

    Names and meaning: docs/formats/results.md; the same as ``gpusched-sim run --json`` prints.
    """

    __slots__ = ("_figures",)

    def __init__(self, figures: dict[str, Any]) -> None:
        self._figures = figures

    def __getitem__(self, name: str) -> Any:
        return self._figures[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._figures)

    def __len__(self) -> int:
        return len(self._figures)

    def __repr__(self) -> str:
        return f"Summary({self._figures!r})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{name}</th><td>{_figure(value)}</td></tr>"
            for name, value in self._figures.items()
            if not isinstance(value, dict)
        )
        return f"<table>{rows}</table>"


def _figure(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


class Result:
    """What a run leaves behind: summary and tables, made when first asked for."""

    __slots__ = ("_data", "_summary", "_tables", "_trace", "policy", "seed")

    def __init__(self, data: _core.Result, policy: Policy, seed: int, trace: _core.Trace) -> None:
        self._data = data
        self._trace = trace
        self._summary: Summary | None = None
        self._tables: dict[str, Table] = {}
        self.policy = policy
        self.seed = seed

    @property
    def summary(self) -> Summary:
        """Counts, acceptance, allocation, fragmentation, waits, costs."""
        if self._summary is None:
            import json

            self._summary = Summary(json.loads(self._data.summary_json()))
        return self._summary

    @property
    def jobs(self) -> Table:
        """One row per job: id, submit_s, first_start_s, start_s, end_s, outcome, node, gpus, ...

        Times in seconds, NaN for never. With job profiles also class, mode, work_s, slowdown,
        ok_share, slo_met, oom_kills.
        """
        return self._table("jobs")

    @property
    def timeline(self) -> Table:
        """At most about 1,000 rows, evenly spaced in time: allocation, fragments, queue, ..."""
        return self._table("timeline")

    @property
    def demand(self) -> Table:
        """What jobs asked for by then, in GPUs, a row per row of the timeline.

        time_s; arrived_gpus: of all jobs that came; offered_gpus: of it, what would run if every
        job started when it came and stayed for its duration in the trace. MIG instances count by
        placement units.
        """
        return self._table("demand")

    @property
    def num_gpus(self) -> int:
        """GPUs of the cluster."""
        return int(Table(self._trace.nodes())["num_gpu"].sum())

    @property
    def decisions(self) -> Table:
        """One row per decision, where the run was told ``decisions=True``; else no rows.

        time_s, pod, outcome (bind, preempt, wait, infeasible, reshape), node, gpus, cost (on the
        policy's scale), runner_up, runner_up_cost, mode, slowdown (predicted), reason.
        """
        return self._table("decisions")

    @property
    def curve(self) -> Table:
        """Allocation and fragmentation over arrived demand, where the run was told ``curve=True``.

        FGD's published figures, 131 rows: arrived_percent, allocation_percent,
        fragment_ratio_percent, fragment_total_percent (docs/formats/curve.md); else no rows.
        """
        return self._table("curve")

    def _table(self, name: str) -> Table:
        if name not in self._tables:
            self._tables[name] = Table(getattr(self._data, name)())
        return self._tables[name]

    def write(self, directory: str | os.PathLike[str]) -> None:
        """The files that ``gpusched-sim run --out`` writes and ``gpusched-sim report`` reads."""
        self._data.write(os.fspath(directory), self.policy._text())

    def report(
        self,
        path: str | os.PathLike[str],
        *,
        title: str = "",
        comparison: str | os.PathLike[str] | None = None,
    ) -> None:
        """One self-contained HTML page of this run, as ``gpusched-sim report`` writes it.

        ``title``: None given, the policy. ``comparison``: a file of ``gpusched-sim compare --out``.
        Raises UnsupportedError where the package was built without the page.
        """
        import tempfile

        from . import reporting

        with tempfile.TemporaryDirectory() as folder:
            self.write(folder)
            reporting.report(folder, path, title=title or self.policy.name, comparison=comparison)

    def __repr__(self) -> str:
        s = self.summary
        return (
            f"<Result {self.policy.name}, seed {self.seed}: {s['jobs']} jobs, "
            f"{s['accepted']} accepted, {100 * s['gpu_allocation']:.2f} % of the GPUs allocated>"
        )

    def _repr_html_(self) -> str:
        return f"<b>{self.policy.name}</b>, seed {self.seed}{self.summary._repr_html_()}"


class State:
    """The cluster at one moment of a replay. A copy: later steps do not change it."""

    __slots__ = ("gpus", "nodes", "placements", "time_s")

    def __init__(self, time_s: float, tables: tuple[_core.Table, ...]) -> None:
        #: Seconds from the trace's origin.
        self.time_s = time_s
        #: id, cpu_free_milli, memory_free_mib, health
        self.nodes = Table(tables[0])
        #: node, gpu, model, free_milli, mig_occupancy (bits), free_memory_mib, sharing, held
        self.gpus = Table(tables[1])
        #: pod, node, gpu, share_milli, start and size (MIG units; size 0 without), profile, sharing
        self.placements = Table(tables[2])

    def __repr__(self) -> str:
        return (
            f"<State at {self.time_s:g} s: {self.nodes.num_rows} nodes, {self.gpus.num_rows} GPUs, "
            f"{self.placements.num_rows} placements>"
        )

    def _repr_html_(self) -> str:
        from . import partition_map

        return partition_map.of_state(self)


class Simulator:
    """A replay of a trace on a cluster under a policy. Deterministic: same arguments, same bytes.

    ``cluster`` is a Cluster, a shorthand such as "16xH100-80GB-SXM5:8", or None for the one that
    the trace brings along. ``trace`` is a Trace or a path. ``policy`` is a name or a Policy.

    - ``seed``: of what a policy draws.
    - ``queue``: "reject" (tried once), "fifo", "backfill" or "lines"; None: as suits the trace.
    - ``preemption``: higher priorities may evict lower ones.
    - ``warmup``: fraction of the arrivals, 0 to 1, left out of acceptance.
    - ``target``: the mix that policies expect: "trace", "none"; None: as suits the trace.
    - ``slowdown_error``: sigma of the lognormal error of predicted slowdowns, from 0.
    - ``reshape``: "off", or "one-move": one pod may move so that a blocked request fits;
      ``reshape_delay`` seconds per move.
    - ``order``: file of an arrival order: jobs come one by one in that order and stay.
    - ``compat``: reproduce the rules of a publication: "fgd-paper".
    - ``prices``: of a GPU-hour by model, in place of the trace's.
    - ``curve``: keep what ``Result.curve`` shows.
    - ``decisions``: keep every decision for ``Result.decisions``.
    - ``event_log``: path of a file to write, for ``gpusched-sim run --replay``.

    Raises NotFoundError, InvalidArgumentError, TypeError for what cannot be replayed.
    """

    def __init__(
        self,
        cluster: Cluster | str | None,
        trace: Trace | str | os.PathLike[str],
        *,
        policy: str | Policy = "placeable_online",
        seed: int = 42,
        queue: str | None = None,
        preemption: bool = True,
        warmup: float = 0.0,
        target: str | None = None,
        slowdown_error: float = 0.0,
        reshape: str = "off",
        reshape_delay: float = 10.0,
        order: str | os.PathLike[str] | None = None,
        compat: str | None = None,
        prices: Mapping[str, float] | None = None,
        curve: bool = False,
        decisions: bool = False,
        event_log: str | os.PathLike[str] | None = None,
    ) -> None:
        check_word("queue", queue, QUEUES)
        check_word("target", target, TARGETS)
        check_word("reshape", reshape, RESHAPES)
        check_word("compat", compat, tuple(_core.compat_names()))
        if not 0 <= warmup <= 1:
            raise refuse(f"warmup {warmup} is not in 0..1")
        for name, value in (("slowdown_error", slowdown_error), ("reshape_delay", reshape_delay)):
            if not 0 <= value < float("inf"):
                raise refuse(f"{name} {value} is not 0 or more")
        self.policy = as_policy(policy)
        self.seed = checked_seed(seed)
        self._trace = _priced(_replayed(cluster, trace), prices)
        self._settings = {
            **self.policy._settings(),
            "seed": self.seed,
            "queue": queue,
            "preemption": bool(preemption),
            "warmup": float(warmup),
            "target": target,
            "slowdown_error": float(slowdown_error),
            "reshape": reshape,
            "reshape_delay": float(reshape_delay),
            "order": None if order is None else os.fspath(order),
            "compat": compat,
            "curve": bool(curve),
            "decisions": bool(decisions),
            "event_log": None if event_log is None else os.fspath(event_log),
        }
        self._replay: _core.Simulation | None = None

    def run(
        self,
        *,
        until: float | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> Result:
        """Plays what is left, all of it on a fresh simulator, and is then at the start again.

        ``until``: seconds from the trace's origin, where the replay stops; None: when nothing is
        left to happen (with job profiles: at the end of the measuring window).
        ``progress(done, total)`` is called now and then with arrivals. Other threads run
        meanwhile; Ctrl-C ends it with KeyboardInterrupt.
        """
        if until is not None and self._replay is not None:
            raise refuse("until is for a run from the start", "Call rewind() first")
        if until is not None and not until >= 0:
            raise refuse(f"until {until} is not 0 or more")
        replay = self._replay or self._start(until)
        self._replay = None
        replay.play(-1, progress)
        return Result(replay.finish(), self.policy, self.seed, self._trace)

    def step(self, count: int = 1) -> int:
        """Lets the next ``count`` things happen; says how many did, fewer when nothing is left.

        A thing is an arrival, an end, a node event, or those who wait being tried again.
        """
        if whole("count", count) < 0:
            raise refuse(f"count {count} is negative")
        return self._live().play(whole("count", count), None)

    def rewind(self) -> None:
        """Back to the start."""
        self._replay = None

    @property
    def state(self) -> State:
        """The cluster now: before the first step it is idle."""
        replay = self._live()
        return State(replay.now_s, replay.state())

    @property
    def time_s(self) -> float:
        """Seconds from the trace's origin."""
        return self._live().now_s

    def _live(self) -> _core.Simulation:
        if self._replay is None:
            self._replay = self._start(None)
        return self._replay

    def _start(self, until: float | None) -> _core.Simulation:
        return _core.Simulation(self._trace, {**self._settings, "until": until})

    def __repr__(self) -> str:
        trace = self._trace
        return (
            f"<Simulator: {trace.job_count} jobs on {trace.node_count} nodes, {self.policy!r}, "
            f"seed {self.seed}>"
        )


class Explanation:
    """Why a decision is what it is, and what would change it; ``print`` it.

    ``answer`` ("bind mig 2g.20gb"), ``time_s``, ``modes`` (a dict per mode: its cost by term or
    why it is refused), ``changes`` (edits of the request that would change the answer, the smallest
    first), ``details`` (all of it; docs/explain.md).
    """

    __slots__ = ("answer", "changes", "details", "modes", "text", "time_s")

    def __init__(self, text: str, details: dict[str, Any]) -> None:
        self.text = text
        self.details = details
        self.answer: str = details["answer"]
        self.time_s: float = details["time_s"]
        self.modes: list[dict[str, Any]] = details["modes"]
        self.changes: list[dict[str, str]] = details["changes"]

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Explanation: {self.answer}>"


def explain(
    cluster: Cluster | str | None,
    trace: Trace | str | os.PathLike[str],
    *,
    job: str | None = None,
    at: float | None = None,
    policy: str | Policy = "auto",
    what_if: Mapping[str, Any] | None = None,
    **options: Any,
) -> Explanation:
    """Replays up to a decision and says why it came out so.

    ``job``: its decision that gave it a place, or else its first one. ``at``: instead, a job of
    one whole GPU (edited by ``what_if``) in the state after so many seconds. ``what_if`` changes
    what is asked for: ``{"isolation": "memory"}``; fields are job_class, isolation, mode,
    gpu_memory_mib, memory_mib, cpu_milli, max_slowdown, priority, job_profile, trust_domain,
    gpu_model, mig_profile. ``options`` as of :class:`Simulator`.

    Raises NotFoundError for an unknown job, InvalidArgumentError for a request that contradicts
    itself.
    """
    import json

    if (job is None) == (at is None):
        raise refuse("give either job or at")
    if at is not None and not at >= 0:
        raise refuse(f"at {at} is not 0 or more")
    simulator = Simulator(cluster, trace, policy=policy, **options)
    text, details = _core.explain(
        simulator._trace,
        {**simulator._settings, "event_log": None},
        job or "",
        -1.0 if at is None else float(at),
        dict(what_if or {}),
    )
    return Explanation(text, json.loads(details))


def _priced(trace: _core.Trace, prices: Mapping[str, float] | None) -> _core.Trace:
    """The trace with those prices of its GPUs."""
    if prices is None:
        return trace
    for model, price in prices.items():
        if not 0 <= price < float("inf"):
            raise refuse(f"the price {price} of {model} is not 0 or more")
    return trace.with_prices({model: float(price) for model, price in prices.items()})


def _replayed(cluster: Cluster | str | None, trace: Any) -> _core.Trace:
    """The jobs on the cluster."""
    if isinstance(trace, Cluster) or isinstance(cluster, Trace):
        raise TypeError("Simulator(cluster, trace): they are the other way round")
    jobs: Trace = trace if isinstance(trace, Trace) else Trace(trace)
    if isinstance(cluster, str):
        cluster = Cluster(cluster)
    if cluster is None:
        if jobs._data.node_count == 0:
            raise refuse("the trace has no nodes", "Give a cluster, such as '16xH100-80GB-SXM5:8'")
        return jobs._data
    if not isinstance(cluster, Cluster):
        raise TypeError(f"a cluster is a Cluster or a shorthand, not {type(cluster).__name__}")
    return jobs._data.on_cluster(cluster._data)
