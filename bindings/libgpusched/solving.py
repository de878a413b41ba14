"""Exact answers, the ruler for policies: exact() and exact_acceptance().

docs/models/exact.md says what is solved and what is believed of a solver.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Iterable
from typing import Any

from . import _core
from .errors import refuse, whole
from .policy import Policy, as_policy, check_word
from .simulator import Simulator
from .table import Table
from .trace import Cluster, Trace, checked_seed

__all__ = ["AcceptanceBound", "Optimum", "Snapshot", "exact_acceptance", "exact"]

SOLVERS = ("auto", "highspy", "cbc", "highs")
SEQUENCES = ("arrival", "size")


class Snapshot:
    """One moment of a cluster: who runs where, who waits, what each placement costs. A value.

    Make one with :meth:`generate` or :meth:`of_replay`.
    """

    __slots__ = ("_data",)

    def __init__(self, data: _core.Snapshot) -> None:
        self._data = data

    @classmethod
    def generate(cls, seed: int, *, gpus: int | None = None, jobs: int | None = None) -> Snapshot:
        """Of a shared cluster of two GPU models; None: as large as the published ones of the seed.

        Raises InvalidArgumentError for sizes that are out of range.
        """
        for name, value, least in (("gpus", gpus, 2), ("jobs", jobs, 0)):
            if value is not None and not least <= whole(name, value) <= 100_000:
                raise refuse(f"{name} {value} is not in {least}..100000")
        return cls(_core.Snapshot.generate(checked_seed(seed), gpus, jobs))

    @classmethod
    def of_replay(
        cls,
        cluster: Cluster | str | None,
        trace: Trace | str | os.PathLike[str],
        *,
        at: float,
        policy: str | Policy = "buddy",
        reject_cost: float = 10.0,
        move_cost: float = 0.1,
        **options: Any,
    ) -> Snapshot:
        """The moment ``at`` seconds of a replay; ``options`` as of :class:`Simulator`.

        Costs in prices of the dearest GPU per GPU that a job takes. Raises UnsupportedError for
        jobs that the model does not cover.
        """
        for name, value in (("at", at), ("reject_cost", reject_cost), ("move_cost", move_cost)):
            if not 0 <= value < float("inf"):
                raise refuse(f"{name} {value} is not 0 or more")
        simulator = Simulator(cluster, trace, policy=policy, **options)
        settings = {**simulator._settings, "event_log": None}
        return cls(
            _core.Snapshot.record(
                simulator._trace, settings, float(at), float(reject_cost), float(move_cost)
            )
        )

    @property
    def num_jobs(self) -> int:
        """That run or wait."""
        return self._data.job_count

    @property
    def num_nodes(self) -> int:
        """Nodes."""
        return self._data.node_count

    def to_lp(self) -> str:
        """The integer program in CPLEX LP format, as CBC, HiGHS, SCIP and Gurobi read it."""
        return self._data.lp()

    def __repr__(self) -> str:
        return f"<Snapshot: {self.num_jobs} jobs, {self.num_nodes} nodes>"


class Optimum:
    """The cheapest plans of a snapshot, and what policies make of it. A value.

    ``cost`` and ``bound`` of the cheapest plan (no plan costs less than the bound; they are equal
    where ``optimal``), ``without_moves``: the same where nobody moves, ``policies``: a row per
    policy, ``details``: all of it, as ``gpusched-sim exact --json`` prints it.
    """

    __slots__ = ("details",)

    def __init__(self, details: dict[str, Any]) -> None:
        self.details = details

    @property
    def optimal(self) -> bool:
        """Whether the solver proved both plans cheapest."""
        parts = (self.details["optimum"], self.details["without_moves"])
        return all(part["status"] == "optimal" for part in parts)

    @property
    def cost(self) -> float:
        """In prices of GPUs; NaN where no plan was found in time."""
        plan = self.details["optimum"]["plan"]
        return float("nan") if plan is None else float(plan["cost"])

    @property
    def bound(self) -> float:
        """No plan costs less, says the solver."""
        return float(self.details["optimum"]["bound"])

    @property
    def without_moves(self) -> float:
        """Cost of the cheapest plan that moves nobody; NaN where none was found in time."""
        plan = self.details["without_moves"]["plan"]
        return float("nan") if plan is None else float(plan["cost"])

    @property
    def solver(self) -> str:
        """Name and version."""
        return str(self.details["optimum"]["solver"])

    @property
    def policies(self) -> Table:
        """policy, its costs by term, gpus, moved, rejected, gap_percent over the bound."""
        return _rows(self.details["policies"])

    def __repr__(self) -> str:
        how = "optimal" if self.optimal else f"at least {self.bound:g}"
        return f"<Optimum: cost {self.cost:g}, {how}, by {self.solver}>"


class AcceptanceBound:
    """What nobody can accept more than, and what policies accept. A value.

    ``acceptance`` and ``acceptance_by_size``: bounds, shares of what arrived; ``policies``: a row
    per policy; ``details``: all of it, as ``gpusched-sim exact --acceptance --json`` prints it.
    """

    __slots__ = ("details",)

    def __init__(self, details: dict[str, Any]) -> None:
        self.details = details

    @property
    def acceptance(self) -> float:
        """No policy accepts a larger share of the jobs."""
        return float(self.details["bound_by_count"]["acceptance"])

    @property
    def acceptance_by_size(self) -> float:
        """The same of the placement units asked for."""
        return float(self.details["bound_by_size"]["acceptance"])

    @property
    def policies(self) -> Table:
        """policy, acceptance, acceptance_by_size."""
        return _rows(self.details["policies"])

    def __repr__(self) -> str:
        return (
            f"<AcceptanceBound: {self.acceptance:.4f} of the jobs, "
            f"{self.acceptance_by_size:.4f} by size>"
        )


def exact(
    snapshot: Snapshot,
    *,
    policies: Iterable[str | Policy] = ("buddy", "placeable"),
    sequence: str = "arrival",
    seed: int = 42,
    solver: str = "auto",
    time_limit: float = 60.0,
) -> Optimum:
    """Who gets which mode, profile and place, and who moves, at the least cost.

    ``policies``: of the table, beside the optimum; each places the jobs that wait in ``sequence``
    ("arrival" or "size", largest first). ``solver``: "highspy" (``pip install
    libgpusched[exact]``), "cbc" or "highs" on PATH; "auto": the first of these that is there.
    ``time_limit`` in seconds, per program.

    Raises NotFoundError without a solver, DataLossError where a solver contradicts itself.
    """
    check_word("sequence", sequence, SEQUENCES)
    name, library = _solver(solver, time_limit)
    return Optimum(
        json.loads(
            _core.compare_with_optimum(
                snapshot._data,
                _names(policies),
                sequence,
                checked_seed(seed),
                name,
                float(time_limit),
                library,
            )
        )
    )


def exact_acceptance(
    cluster: Cluster | str | None,
    trace: Trace | str | os.PathLike[str],
    *,
    policies: Iterable[str | Policy] = ("buddy", "placeable"),
    solver: str = "auto",
    time_limit: float = 60.0,
    **options: Any,
) -> AcceptanceBound:
    """How much of a trace can be accepted when no job may wait, and what policies accept.

    For MIG instances and whole GPUs on one GPU model. ``options`` as of :class:`Simulator`; the
    queue is "reject" and nobody is preempted.

    Raises UnsupportedError for what the bound does not cover; as :func:`exact`.
    """
    for option in ("queue", "preemption", "policy"):
        if option in options:
            raise refuse(f"a bound has no option {option}")
    name, library = _solver(solver, time_limit)
    simulator = Simulator(cluster, trace, **options)
    return AcceptanceBound(
        json.loads(
            _core.compare_with_bound(
                simulator._trace,
                {**simulator._settings, "event_log": None},
                _names(policies),
                name,
                float(time_limit),
                library,
            )
        )
    )


def _rows(rows: list[dict[str, Any]]) -> Table:
    nan = float("nan")
    names = rows[0] if rows else {"policy": ""}
    return Table({name: [nan if r[name] is None else r[name] for r in rows] for name in names})


def _names(policies: Any) -> list[str]:
    given = [as_policy(p) for p in ([policies] if isinstance(policies, str) else policies)]
    texts = []
    for policy in given:
        if policy._is_own():
            raise refuse(f"{policy.name} is written in Python: exact answers take policies by name")
        texts.append(policy._text())
    return texts


def _solver(solver: str, time_limit: float) -> tuple[str, Any]:
    """The name for C++, and the function that solves where it is no program on PATH."""
    check_word("solver", solver, SOLVERS)
    if not 0 < time_limit < float("inf"):
        raise refuse(f"time_limit {time_limit} is not above 0")
    if solver in ("cbc", "highs"):
        return solver, None
    try:
        import highspy  # noqa: F401
    except ModuleNotFoundError:
        if solver == "auto":
            return "auto", None
        raise ModuleNotFoundError(
            "the solver highspy is not there: pip install libgpusched[exact]; or solver='cbc'"
        ) from None
    return "highspy", solve_with_highspy


def _run_interruptibly(highs: Any) -> None:
    """Solves in a thread of its own, so that Ctrl-C is heard meanwhile and ends it."""
    highs.HandleUserInterrupt = True  # cancelSolve() needs it
    failures: list[BaseException] = []

    def run() -> None:
        try:
            highs.run()
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(0.05)
    except BaseException:
        highs.cancelSolve()
        thread.join()
        raise
    if failures:
        raise failures[0]


def solve_with_highspy(program: str, time_limit: float, whole_costs: bool) -> dict[str, Any]:
    """Solves a program in LP format; C++ checks what it says."""
    import highspy

    highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]
    highs.setOptionValue("output_flag", False)  # what Highs() says of itself is said by then
    highs.setOptionValue("time_limit", time_limit)
    highs.setOptionValue("mip_rel_gap", 0.0)
    highs.setOptionValue("parallel", "off")
    if whole_costs:
        highs.setOptionValue("mip_abs_gap", 0.99)  # whole costs: a bound nearer than 1 is a proof
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "program.lp")
        with open(path, "w", encoding="utf-8") as file:
            file.write(program)
        if highs.readModel(path) == highspy.HighsStatus.kError:
            raise refuse("highspy cannot read the program", "Try another solver")
    _run_interruptibly(highs)
    status = highs.getModelStatus()
    words = {
        highspy.HighsModelStatus.kOptimal: "optimal",
        highspy.HighsModelStatus.kInfeasible: "infeasible",
        highspy.HighsModelStatus.kUnbounded: "unbounded",
    }
    info, solution, lp = highs.getInfo(), highs.getSolution(), highs.getLp()
    found = solution.value_valid
    inf = highspy.kHighsInf
    bound = info.mip_dual_bound if whole_costs and abs(info.mip_dual_bound) < inf else None
    return {
        "status": words.get(status, "limit"),
        "version": highs.version(),
        "cost": info.objective_function_value if found else None,
        "bound": bound,
        "values": dict(zip(lp.col_names_, solution.col_value, strict=True)) if found else {},
        "duals": (
            dict(zip(lp.row_names_, solution.row_dual, strict=True)) if solution.dual_valid else {}
        ),
    }
