"""What Python computes is what gpusched-sim computes, to the byte."""

import json
import pickle

import pytest

import libgpusched as gs
from conftest import ROOT

# As tools/check-same-bytes: every shipped trace with nodes, under policies of every family.
TRACES = sorted(path.parent for path in (ROOT / "traces").glob("*/nodes.csv"))
POLICIES = ("fgd", "placeable", "placeable_online", "buddy", "gpu_clustering", "random")


def test_there_are_traces():
    assert len(TRACES) >= 4


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("trace", TRACES, ids=lambda path: path.name)
def test_event_log_is_that_of_the_command_line(trace, policy, gpusched_sim, tmp_path):
    ours, theirs = tmp_path / "python.jsonl", tmp_path / "cli.jsonl"
    gpusched_sim("run", "--trace", trace, "--policy", policy, "--seed", 42, "--event-log", theirs)
    gs.Simulator(None, gs.Trace.from_file(trace), policy=policy, seed=42, event_log=ours).run()
    assert ours.read_bytes() == theirs.read_bytes()
    assert ours.stat().st_size > 1000


def test_results_are_those_of_the_command_line(gpusched_sim, tmp_path):
    spec = "generate:mode-mix:mix=dev,hours=8,nodes=2"
    text = gpusched_sim(
        "run", "--trace", spec, "--policy", "auto", "--seed", 3, "--out", tmp_path / "cli", "--json"
    )
    trace = gs.Trace.generate("mode-mix", seed=3, mix="dev", hours=8, nodes=2)
    result = gs.Simulator(None, trace, policy="auto", seed=3).run()
    assert dict(result.summary) == json.loads(text)
    result.write(tmp_path / "python")
    for name in ("jobs.csv", "timeline.csv", "summary.json"):
        assert (tmp_path / "python" / name).read_bytes() == (tmp_path / "cli" / name).read_bytes()


def test_options_mean_what_they_mean_on_the_command_line(gpusched_sim):
    text = gpusched_sim(
        "run", "--cluster", "2xA100-80GB:8@mig,1xT4:4", "--trace", ROOT / "traces/mixed-day",
        "--policy", "fgd:resolution=100", "--seed", 5, "--json", "--queue", "fifo", "--warmup", 0.2,
        "--no-preemption", "--target", "none", "--until", 5000,
    )  # fmt: skip
    simulator = gs.Simulator(
        "2xA100-80GB:8@mig,1xT4:4",
        ROOT / "traces/mixed-day",
        policy=gs.Policy("fgd", resolution=100),
        seed=5,
        queue="fifo",
        warmup=0.2,
        preemption=False,
        target="none",
    )
    assert dict(simulator.run(until=5000).summary) == json.loads(text)


def test_reshape_means_what_it_means_on_the_command_line(gpusched_sim):
    text = gpusched_sim(
        "run", "--trace", "generate:mig-mix:load=1.0,gpus=16,jobs=800", "--policy", "buddy",
        "--queue", "reject", "--reshape", "one-move", "--reshape-delay", "3", "--seed", 9, "--json",
    )  # fmt: skip
    trace = gs.Trace.generate("mig-mix", seed=9, load=1.0, gpus=16, jobs=800)
    result = gs.Simulator(
        None, trace, policy="buddy", queue="reject", reshape="one-move", reshape_delay=3, seed=9
    ).run()
    assert dict(result.summary) == json.loads(text)
    assert result.summary["reshapes"] > 0


def test_the_log_of_a_run_can_be_replayed(gpusched_sim, mig_trace, tmp_path):
    log = tmp_path / "events.jsonl"
    gs.Simulator(None, mig_trace, event_log=log).run()
    assert "all identical" in gpusched_sim("run", "--replay", log)


def test_explain_says_what_the_command_line_says(gpusched_sim):
    spec = "generate:mode-mix:mix=dev,hours=8,nodes=2"
    job = "job-00042"
    text = gpusched_sim("explain", "--trace", spec, "--job", job, "--isolation", "memory")
    trace = gs.Trace.generate("mode-mix", mix="dev", hours=8, nodes=2)
    explained = gs.explain(None, trace, job=job, what_if={"isolation": "memory"})
    assert str(explained) == text
    assert explained.answer in text and explained.modes
    at = gpusched_sim("explain", "--trace", spec, "--at", 4000, "--mode", "mps")
    assert str(gs.explain(None, trace, at=4000, what_if={"mode": "mps"})) == at


def test_a_trace_survives_pickling(mig_trace, tmp_path):
    trace = gs.Trace.generate("mode-mix", mix="dev", hours=7, nodes=1)
    again = pickle.loads(pickle.dumps(trace))
    summaries = [gs.Simulator(None, t, policy="auto").run().summary for t in (trace, again)]
    assert dict(summaries[0]) == dict(summaries[1])
    cluster = pickle.loads(pickle.dumps(gs.Cluster("2xT4:4@time_slice")))
    assert (cluster.num_nodes, cluster.num_gpus) == (2, 8)
