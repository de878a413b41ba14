"""Exact answers: highspy against cbc, brute force and the command line."""

import itertools
import json
import math
import os
import signal
import sys
import threading

import pytest

import libgpusched as gs
from libgpusched import solving


@pytest.mark.parametrize("seed", range(8))
def test_highspy_and_cbc_agree(seed):
    snapshot = gs.Snapshot.generate(seed, gpus=6, jobs=20)
    by_library = gs.exact(snapshot, solver="highspy")
    by_program = gs.exact(snapshot, solver="cbc")
    assert by_library.optimal and by_program.optimal
    assert by_library.solver.startswith("highspy 1.") and by_program.solver.startswith("cbc")
    assert by_library.cost == by_program.cost == by_library.bound
    assert by_library.without_moves == by_program.without_moves >= by_library.cost
    assert (by_library.policies["cost"] >= by_library.bound).all()
    assert list(by_library.policies["cost"]) == list(by_program.policies["cost"])


def test_the_cheapest_is_that_of_brute_force():
    """Four jobs on two A100 of different prices: every way to place them is tried here."""
    sizes = {"1g.10gb": 1, "3g.40gb": 4, "4g.40gb": 4}
    trace = gs.Trace.from_columns(
        submit_s=[0, 1, 2, 3],
        num_gpu=[1] * 4,
        mig_profile=["4g.40gb", "3g.40gb", "3g.40gb", "1g.10gb"],
    )
    cluster = gs.Cluster.from_nodes(
        [
            {"id": name, "gpu_model": "A100-80GB", "num_gpu": 1, "price_per_hour": price}
            for name, price in (("cheap", 2_000_000), ("dear", 5_000_000))  # in millionths
        ]
    )
    snapshot = gs.Snapshot.of_replay(cluster, trace, at=10.0, policy="first_fit", move_cost=0.0)
    jobs = list(trace.jobs["mig_profile"])
    best = math.inf
    for places in itertools.product(("cheap", "dear", None), repeat=4):
        cost = 0.0
        for node, price in (("cheap", 2.0), ("dear", 5.0)):
            here = [jobs[i] for i, place in enumerate(places) if place == node]
            slices = sum({"1g.10gb": 1, "3g.40gb": 3, "4g.40gb": 4}[p] for p in here)
            fits = slices <= 7 and sum(sizes[p] for p in here) <= 8 and here.count("4g.40gb") <= 1
            cost += math.inf if not fits else price if here else 0.0
        cost += sum(10 * 5.0 for place in places if place is None)
        best = min(best, cost)
    assert gs.exact(snapshot).cost == pytest.approx(best) == 7.0


def test_the_command_line_says_the_same(gpusched_sim):
    printed = json.loads(gpusched_sim("exact", "--generate", "3,gpus=8,jobs=30", "--json"))
    snapshot = gs.Snapshot.generate(3, gpus=8, jobs=30)
    here = gs.exact(snapshot, solver="cbc").details
    for part in (printed, here):
        for name in ("optimum", "without_moves"):
            part[name].pop("wall_s")
    assert here == printed
    assert snapshot.num_jobs == printed["jobs"] and snapshot.num_nodes == printed["nodes"]


def test_the_program_is_what_the_command_line_writes(gpusched_sim, tmp_path):
    path = tmp_path / "program.lp"
    gpusched_sim("exact", "--generate", "3,gpus=8,jobs=30", "--lp", path, "--solver", "none")
    assert path.read_text() == gs.Snapshot.generate(3, gpus=8, jobs=30).to_lp()


def test_acceptance_is_bounded():
    trace = gs.Trace.generate("mig-mix", seed=2, jobs=300, gpus=16, load=1.2)
    bounds = [
        gs.exact_acceptance("2xH100-80GB-SXM5:8", trace, policies="buddy", solver=solver)
        for solver in ("highspy", "cbc")
    ]
    # Duals of another optimum give another bound; both hold, and they lie close.
    assert abs(bounds[0].acceptance - bounds[1].acceptance) <= 0.01
    replayed = gs.Simulator(
        "2xH100-80GB-SXM5:8", trace, policy="buddy", queue="reject", preemption=False
    ).run()
    for bound in bounds:
        assert bound.policies["acceptance"][0] == replayed.summary["acceptance"]
        assert replayed.summary["acceptance"] <= bound.acceptance < 1
        assert replayed.summary["acceptance_by_size"] <= bound.acceptance_by_size < 1


def test_out_of_time_there_is_a_bound_and_no_more_is_claimed():
    found = gs.exact(gs.Snapshot.generate(2, gpus=32, jobs=200), time_limit=0.05, policies="buddy")
    assert found.bound <= found.policies["cost"][0]
    assert found.optimal or not found.cost < found.bound


@pytest.mark.parametrize("wrong", ["values", "cost", "bound"])
def test_a_solver_that_errs_is_found_out(monkeypatch, wrong):
    real = solving.solve_with_highspy

    def liar(program, time_limit, whole_costs):
        answer = real(program, time_limit, whole_costs)
        if wrong == "values":
            name = next(name for name, value in answer["values"].items() if value > 0.5)
            answer["values"][name] = 0.0
        elif wrong == "cost":
            answer["cost"] -= 1000
        else:
            answer |= {"status": "limit", "bound": answer["cost"] + 1000}
        return answer

    monkeypatch.setattr(solving, "solve_with_highspy", liar)
    with pytest.raises(gs.DataLossError, match="the answer of highspy"):
        gs.exact(gs.Snapshot.generate(1, gpus=4, jobs=12), solver="highspy")


def test_what_a_solver_raises_reaches_the_caller(monkeypatch):
    def broken(program, time_limit, whole_costs):
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(solving, "solve_with_highspy", broken)
    with pytest.raises(ZeroDivisionError, match="on purpose"):
        gs.exact(gs.Snapshot.generate(1, gpus=4, jobs=12), solver="highspy")


def test_without_highspy_programs_on_path_are_taken(monkeypatch):
    monkeypatch.setitem(sys.modules, "highspy", None)
    snapshot = gs.Snapshot.generate(1, gpus=4, jobs=12)
    assert gs.exact(snapshot).solver.startswith("cbc")
    with pytest.raises(ModuleNotFoundError, match=r"libgpusched\[exact\]"):
        gs.exact(snapshot, solver="highspy")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(gs.NotFoundError, match="no solver on PATH"):
        gs.exact(snapshot)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda s: gs.exact(s, solver="cplex"), gs.InvalidArgumentError, "Known: auto, highspy"),
        (lambda s: gs.exact(s, sequence="luck"), gs.InvalidArgumentError, "arrival, size"),
        (lambda s: gs.exact(s, time_limit=0), gs.InvalidArgumentError, "not above 0"),
        (lambda s: gs.exact(s, policies=["nope"]), gs.NotFoundError, "nope"),
        (lambda s: gs.Snapshot.generate(1, gpus=1), gs.InvalidArgumentError, "not in 2..100000"),
        (lambda s: gs.Snapshot.generate(-1), gs.InvalidArgumentError, "seed -1"),
        (lambda s: gs.Snapshot.generate("x"), TypeError, "seed is int"),
        (
            lambda s: gs.Snapshot.of_replay("1xT4:1", "nowhere", at=1),
            gs.NotFoundError,
            "nowhere",
        ),
        (
            lambda s: gs.exact_acceptance("1xT4:1", "x", queue="fifo"),
            gs.InvalidArgumentError,
            "no option queue",
        ),
    ],
)
def test_bad_questions_are_refused(call, error, text):
    with pytest.raises(error, match=text):
        call(gs.Snapshot.generate(1, gpus=4, jobs=12))


def test_policies_in_python_have_no_exact_answer():
    class Flat(gs.Policy):
        def score(self, view):
            return [0.0] * len(view)

    with pytest.raises(gs.InvalidArgumentError, match="by name"):
        gs.exact(gs.Snapshot.generate(1, gpus=4, jobs=12), policies=[Flat()])


def test_ctrl_c_ends_a_solver_in_this_process():
    snapshot = gs.Snapshot.generate(5, gpus=400, jobs=5000)  # a minute's work
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        gs.exact(snapshot, solver="highspy")
    assert gs.exact(gs.Snapshot.generate(1, gpus=4, jobs=5), solver="highspy").optimal


def test_ctrl_c_ends_a_program_that_solves(tmp_path, monkeypatch):
    program = tmp_path / "cbc"
    program.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        gs.exact(gs.Snapshot.generate(1, gpus=4, jobs=5), solver="cbc")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
