"""Planner: the answers of the command line, as objects."""

import json
import os
import signal
import threading

import numpy as np
import pytest

import libgpusched as gs

RECIPE = "generate:mig-mix:gpus=8,jobs=200"
ASKED = {"targets": "wait_p95<1h", "shape": "H100-80GB-SXM5 x2", "nodes": (1, 16), "seeds": 8}
SAME = ("--trace", RECIPE, "--cluster", "H100-80GB-SXM5 x2", "--nodes", "1..16", "--seeds", 8)


@pytest.mark.parametrize(
    "options, words",
    [
        ({}, ()),
        ({"scale": 1.3, "seed": 7}, ("--scale", 1.3, "--seed", 7)),
        (
            {"search": ("nodes", "policy"), "policies": ["buddy", "mfi"], "queue": "fifo"},
            ("--search", "nodes,policy", "--policy", "buddy,mfi", "--queue", "fifo"),
        ),
        (
            {"search": "nodes,model", "prices": {"H100-80GB-SXM5": 3, "H200-141GB": 4}},
            ("--search", "nodes,model", "--price", "H100-80GB-SXM5=3,H200-141GB=4"),
        ),
    ],
)
def test_the_command_line_says_the_same(gpusched_sim, options, words):
    plan = gs.Planner(RECIPE, **ASKED, **options).run()
    printed = json.loads(gpusched_sim("plan", *SAME, "--slo", "wait_p95<1h", "--json", *words))
    assert plan.details == printed


def test_a_recorded_trace_is_planned_for(gpusched_sim, tmp_path):
    trace = gs.Trace.generate("mig-mix", seed=3, gpus=8, jobs=200)
    trace.write(tmp_path / "trace")
    words = ("--trace", tmp_path / "trace", *SAME[2:])
    printed = json.loads(gpusched_sim("plan", *words, "--slo", "wait_p95<1h", "--json"))
    for source in (trace, str(tmp_path / "trace")):
        assert gs.Planner(source, **ASKED).run().details == printed


def test_an_answer_and_its_tables():
    progress = []
    options = {"search": "nodes,model", "prices": {"H100-80GB-SXM5": 3.0, "H200-141GB": 4.0}}
    plan = gs.Planner(RECIPE, **ASKED, **options, threads=2).run(
        progress=lambda runs, now: progress.append((runs, now))
    )
    assert plan.cluster == f"{plan.nodes}xH100-80GB-SXM5:2" and plan.gpus == 2 * plan.nodes
    assert plan.cost_per_hour == 3.0 * plan.gpus and plan.policy == "placeable_online"
    assert plan.lowest_nodes <= plan.nodes <= plan.highest_nodes and plan.confidence == 0.95
    assert plan.settled == (plan.settled_up_to > 0) and "settled" in repr(plan)
    assert str(plan).startswith(f"answer: {plan.nodes} nodes")
    assert len(plan.kinds) == 2 and not plan.kinds["excluded"][0]
    candidates, samples = plan.candidates, plan.samples
    assert candidates.num_rows == len(plan.details["candidates"])
    assert samples.num_rows == candidates["seeds"].sum() == plan.runs
    at = (candidates["nodes"] == plan.nodes) & (candidates["kind"] == plan.kinds["kind"][0])
    assert candidates["wait_p95"][at][0] < 3600 and candidates["meets"][at][0]
    mine = (samples["nodes"] == plan.nodes) & (samples["cluster"] == plan.cluster)
    mean = np.mean(samples["wait_p95"][mine])
    assert mean == pytest.approx(candidates["wait_p95"][at][0], rel=1e-6)
    frontier = plan.frontier
    assert 0 < frontier.num_rows <= candidates.num_rows
    assert (np.diff(frontier["cost_per_hour"]) > 0).all()
    assert (np.diff(frontier["wait_p95"]) < 0).all()
    assert progress and progress[-1][0] <= plan.runs and "x" in progress[0][1]


def test_threads_change_nothing():
    plans = [gs.Planner(RECIPE, **ASKED, threads=threads).run() for threads in (1, 3)]
    assert plans[0].details == plans[1].details


def test_nothing_meets_the_targets():
    asked = {**ASKED, "targets": ["wait_p95<1ms"], "nodes": (1, 2)}
    with pytest.raises(gs.NotFoundError, match="instead of wait_p95<0.001s"):
        gs.Planner(RECIPE, **asked).run()


def test_metrics_are_listed():
    assert {"wait_p99", "goodput", "acceptance"} <= set(gs.plan_metrics())


@pytest.mark.parametrize(
    "change, error, text",
    [
        ({"targets": "nope<1h"}, gs.Error, "nope"),
        ({"targets": []}, gs.InvalidArgumentError, "needs a target"),
        ({"targets": [3]}, TypeError, "targets are str"),
        ({"shape": "nope x8"}, gs.NotFoundError, "A100-80GB"),
        ({"shape": "16xH100-80GB-SXM5:8"}, gs.InvalidArgumentError, "not the shape of a node"),
        ({"shape": 8}, TypeError, "shape is str"),
        ({"nodes": (9, 4)}, gs.InvalidArgumentError, "9..4"),
        ({"nodes": (-1, 4)}, gs.InvalidArgumentError, "-1..4"),
        ({"nodes": 2.5}, TypeError, "nodes is int"),
        ({"nodes": (1, 2, 3)}, gs.InvalidArgumentError, "neither a number nor"),
        ({"search": "luck"}, gs.InvalidArgumentError, "Known: nodes"),
        ({"policies": ["buddy", "mfi"]}, gs.InvalidArgumentError, "several policies"),
        ({"policies": ["nope"]}, gs.NotFoundError, "nope"),
        ({"prices": {"H100-80GB-SXM5": 0}}, gs.InvalidArgumentError, "not above 0"),
        ({"prices": {"nope": 1}}, gs.NotFoundError, "nope"),
        ({"confidence": 1.0}, gs.InvalidArgumentError, "0.5..0.9999"),
        ({"scale": 0}, gs.InvalidArgumentError, "not above 0"),
        ({"seeds": 1}, gs.InvalidArgumentError, "below 2"),
        ({"seeds": "x"}, TypeError, "seeds is int"),
        ({"threads": 0}, gs.InvalidArgumentError, "1..1024"),
        ({"policy": "buddy"}, gs.InvalidArgumentError, "no option policy"),
        ({"queue": "luck"}, gs.InvalidArgumentError, "queue"),
        ({"colour": "red"}, TypeError, "unexpected keyword"),
    ],
)
def test_bad_questions_are_refused(change, error, text):
    with pytest.raises(error, match=text):
        gs.Planner(RECIPE, **{**ASKED, **change}).run()
    with pytest.raises(gs.NotFoundError):
        gs.Planner("nowhere", **ASKED)


def test_ctrl_c_and_what_progress_raises_end_it():
    planner = gs.Planner(
        "generate:mig-mix:gpus=64,jobs=3000", **{**ASKED, "nodes": (1, 128), "seeds": 100}
    )
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        for _ in range(1000):  # one may end before the signal comes
            planner.run()

    def broken(runs, now):
        raise ZeroDivisionError("on purpose")

    with pytest.raises(ZeroDivisionError, match="on purpose"):
        gs.Planner(RECIPE, **ASKED, threads=1).run(progress=broken)
    assert gs.Planner(RECIPE, **ASKED).run().runs > 0  # nothing is left of it
