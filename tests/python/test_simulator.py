"""Running, stepping, interrupting."""

import json
import os
import signal
import threading
import time
import xml.dom.minidom

import numpy as np
import pytest

import libgpusched as gs
from conftest import ROOT


def test_steps_then_run_come_to_the_whole(mig_trace):
    simulator = gs.Simulator("4xH100-80GB-SXM5:8", mig_trace, policy="buddy")
    whole = dict(simulator.run().summary)
    assert simulator.step(100) == 100 and simulator.step() == 1
    assert simulator.time_s > 0
    assert dict(simulator.run().summary) == whole
    assert dict(simulator.run().summary) == whole  # it is at the start again
    while simulator.step(1000) == 1000:
        pass
    assert simulator.step() == 0
    assert dict(simulator.run().summary) == whole


def test_state_shows_what_is_placed(mig_trace):
    simulator = gs.Simulator("4xH100-80GB-SXM5:8", mig_trace, policy="buddy")
    idle = simulator.state
    assert idle.time_s == 0 and idle.placements.num_rows == 0 and idle.gpus.num_rows == 32
    simulator.step(60)
    busy = simulator.state
    assert busy.placements.num_rows > 0 and idle.placements.num_rows == 0
    occupied = np.zeros(32, dtype=int)
    gpus = zip(busy.gpus["node"], busy.gpus["gpu"], strict=True)
    rows = {(node, int(gpu)): row for row, (node, gpu) in enumerate(gpus)}
    for node, gpu, start, size in zip(
        *(busy.placements[name] for name in ("node", "gpu", "start", "size")), strict=True
    ):
        bits = ((1 << int(size)) - 1) << int(start)
        assert occupied[rows[node, int(gpu)]] & bits == 0  # nothing is booked twice
        occupied[rows[node, int(gpu)]] |= bits
    assert np.array_equal(occupied, busy.gpus["mig_occupancy"])


def test_until_stops_there(mig_trace):
    simulator = gs.Simulator(None, mig_trace)
    early = simulator.run(until=1000.0)
    assert early.summary["span_s"] <= 1000 < simulator.run().summary["span_s"]
    simulator.step()
    with pytest.raises(gs.InvalidArgumentError, match="until is for a run from the start"):
        simulator.run(until=10)
    simulator.rewind()
    assert dict(simulator.run(until=1000).summary) == dict(early.summary)


def test_progress_ends_with_all(mig_trace):
    calls = []
    gs.Simulator(None, mig_trace).run(progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (400, 400)


def long_run():
    return gs.Simulator(
        "200xH100-80GB-SXM5:8", gs.Trace.generate("mig-mix", jobs=300_000, gpus=1600, load=1.0)
    )


def test_errors_in_progress_end_the_run():
    def progress(done, total):
        raise KeyError("enough")

    simulator = long_run()
    with pytest.raises(KeyError, match="enough"):
        simulator.run(progress=progress)
    assert simulator.step() == 1  # at the start again


def test_ctrl_c_ends_a_long_run():
    simulator = long_run()
    simulator.step()
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        for _ in range(100):
            simulator.run()
    assert time.monotonic() - begin < 5


def test_other_threads_run_meanwhile():
    simulator = long_run()
    simulator.step()
    ticks = []
    done = threading.Event()

    def count():
        while not done.is_set():
            ticks.append(time.monotonic())
            time.sleep(0.002)

    thread = threading.Thread(target=count)
    thread.start()
    begin = time.monotonic()
    simulator.run()
    end = time.monotonic()
    done.set()
    thread.join()
    assert sum(begin < tick < end for tick in ticks) > 10


def test_one_replay_is_not_for_two_threads():
    simulator = long_run()
    simulator.step()
    replay = simulator._replay
    problems = []
    thread = threading.Thread(target=lambda: problems.append(replay.play(-1, None)))
    thread.start()
    with pytest.raises(gs.InvalidArgumentError, match="another thread"):
        while thread.is_alive():
            replay.play(0, None)
    thread.join()


def test_same_arguments_same_result(mig_trace):
    runs = [gs.Simulator(None, mig_trace, policy="random", seed=s).run() for s in (1, 1, 2)]
    assert list(runs[0].jobs["gpus"]) == list(runs[1].jobs["gpus"]) != list(runs[2].jobs["gpus"])


def test_decisions_only_where_asked_for(mig_trace, result):
    decisions = result.decisions
    assert decisions.num_rows == result.summary["decisions"]
    assert set(decisions["outcome"]) == {"bind", "wait"}
    waits = decisions["outcome"] == "wait"
    assert all(reason is not None for reason in decisions["reason"][waits])
    assert all(node is not None for node in decisions["node"][~waits])
    assert gs.Simulator(None, mig_trace).run().decisions.num_rows == 0


def test_job_profiles_bring_columns():
    trace = gs.Trace.generate("mode-mix", mix="dev", hours=8, nodes=2)
    result = gs.Simulator(None, trace, policy="auto").run()
    assert {"class", "mode", "work_s", "slowdown", "slo_met"} <= set(result.jobs.columns)
    assert 0 < result.summary["execution"]["goodput"] < 1


def test_policies_are_compared_on_a_recorded_cluster():
    trace = gs.Trace.from_file(ROOT / "traces/kubectl/mixed-cluster.json")
    assert trace.cluster.num_nodes == 4
    assert gs.Simulator(None, trace, policy="best_fit").run().summary["jobs"] == trace.num_jobs


@pytest.mark.parametrize(
    "arguments, error, text",
    [
        ({"policy": "nope"}, gs.NotFoundError, "unknown policy 'nope'. Known policies: random,"),
        ({"policy": 3}, TypeError, "a policy is a name or a Policy, not int"),
        ({"seed": -1}, gs.InvalidArgumentError, "seed -1 is not in"),
        ({"seed": "1"}, TypeError, "seed is int, not str"),
        ({"queue": "lifo"}, gs.InvalidArgumentError, "queue 'lifo' is unknown. Known: reject"),
        ({"warmup": 1.5}, gs.InvalidArgumentError, "warmup 1.5 is not in 0..1"),
        ({"target": "x"}, gs.InvalidArgumentError, "target 'x' is unknown"),
        ({"slowdown_error": float("nan")}, gs.InvalidArgumentError, "slowdown_error nan"),
        ({"cluster": "16 H100"}, gs.InvalidArgumentError, "neither a file nor"),
        ({"cluster": "1xH1000:8"}, gs.NotFoundError, "unknown GPU model"),
        ({"cluster": 4}, TypeError, "a cluster is a Cluster or a shorthand, not int"),
        ({"trace": "no/such/file"}, gs.NotFoundError, "no/such/file"),
        ({"trace": 4}, TypeError, "a path is str or os.PathLike, not int"),
        ({"event_log": "/dev/null/x/y"}, gs.IoError, "cannot write"),
    ],
)
def test_what_cannot_be_replayed_is_refused(mig_trace, arguments, error, text):
    arguments = {"cluster": None, "trace": mig_trace, **arguments}
    with pytest.raises(error, match=text.replace(".", r"\.").replace("(", r"\(")):
        simulator = gs.Simulator(arguments.pop("cluster"), arguments.pop("trace"), **arguments)
        simulator.run()


def test_errors_keep_code_and_remedy(mig_trace):
    with pytest.raises(gs.Error) as caught:
        gs.Simulator(None, mig_trace, policy="nope")
    error = caught.value
    assert isinstance(error, LookupError) and error.code == "not_found"
    assert error.message == "unknown policy 'nope'" and error.remedy.startswith("Known policies")
    with pytest.raises(gs.InvalidArgumentError, match="Call rewind"):
        simulator = gs.Simulator(None, mig_trace)
        simulator.step()
        simulator.run(until=1)


def test_explain_refuses(mig_trace):
    with pytest.raises(gs.NotFoundError, match="no job 'j9999'.*among them"):
        gs.explain(None, mig_trace, job="j9999")
    with pytest.raises(gs.InvalidArgumentError, match="either job or at"):
        gs.explain(None, mig_trace)
    with pytest.raises(gs.InvalidArgumentError, match="no field 'colour'"):
        gs.explain(None, mig_trace, job="j1", what_if={"colour": "red"})
    with pytest.raises(gs.InvalidArgumentError, match="isolation 'total' is unknown. Known: none"):
        gs.explain(None, mig_trace, job="j1", what_if={"isolation": "total"})
    for what_if, error, text in (
        ({"gpu_memory_mib": "much"}, TypeError, "gpu_memory_mib cannot be 'much'"),
        ({"isolation": 3}, TypeError, "isolation cannot be 3"),
        ({"gpu_memory_mib": -1}, gs.InvalidArgumentError, "memory"),
        ({"gpu_model": "H1000"}, gs.NotFoundError, "unknown GPU model"),
        ({"job_profile": "bert"}, gs.InvalidArgumentError, "no job profile 'bert'"),
        ({"mig_profile": "1g.10gb", "mode": "mps"}, gs.InvalidArgumentError, "together"),
    ):
        with pytest.raises(error, match=text):
            gs.explain(None, mig_trace, job="j1", what_if=what_if)


def test_pictures_are_well_formed(mig_trace, result):
    simulator = gs.Simulator("2xH100-80GB-SXM5:8,1xT4:2", gs.Trace.generate("tiny"))
    simulator.step(12)
    for thing in (simulator.state, gs.Cluster("2xH100-80GB-SXM5:8")):
        picture = thing._repr_html_()
        svg = picture[picture.index("<svg") :]
        xml.dom.minidom.parseString(svg)
        assert svg.count("<rect") >= 16
    assert "buddy" in result._repr_html_() and "buddy" in repr(result)
    assert repr(simulator).startswith("<Simulator: 20 jobs on 3 nodes")


def test_order_compat_prices_and_curve_are_those_of_the_command_line(gpusched_sim, tmp_path):
    trace = gs.Trace.generate("openb-like", seed=1, jobs=200, nodes=8)
    trace.write(tmp_path / "trace")
    order = tmp_path / "order"
    order.write_text("arrivals " + " ".join(str(i) for i in reversed(range(200))) + "\n")
    models = sorted({model for model in trace.cluster.nodes["gpu_model"] if model})
    prices = tmp_path / "prices.yaml"
    prices.write_text("".join(f"{model}: {i + 1}.5\n" for i, model in enumerate(models)))
    printed = gpusched_sim(
        *("run", "--trace", tmp_path / "trace", "--policy", "fgd", "--compat", "fgd-paper"),
        *("--order", order, "--prices", prices, "--curve", tmp_path / "curve.csv", "--json"),
    )
    result = gs.Simulator(
        None,
        trace,
        policy="fgd",
        compat="fgd-paper",
        order=order,
        prices={model: i + 1.5 for i, model in enumerate(models)},
        curve=True,
    ).run()
    assert dict(result.summary) == json.loads(printed)
    lines = (tmp_path / "curve.csv").read_text().splitlines()
    assert lines[0].split(",") == result.curve.columns and len(lines) == 132
    last = [float(word) for word in lines[60].split(",")]
    assert [result.curve[name][59] for name in result.curve.columns] == pytest.approx(
        last, abs=0.01
    )
    assert gs.Simulator(None, trace).run().curve.num_rows == 0
    result.write(tmp_path / "mine")
    words = ("--policy", "fgd", "--compat", "fgd-paper", "--order", order, "--prices", prices)
    gpusched_sim("run", "--trace", tmp_path / "trace", *words, "--out", tmp_path / "theirs")
    for name in os.listdir(tmp_path / "theirs"):
        assert (tmp_path / "mine" / name).read_text() == (tmp_path / "theirs" / name).read_text()


@pytest.mark.parametrize(
    "options, error, text",
    [
        ({"compat": "nature"}, gs.InvalidArgumentError, "Known: fgd-paper"),
        ({"order": "nowhere"}, gs.NotFoundError, "nowhere"),
        ({"order": 3}, TypeError, "int"),
        ({"prices": {"nope": 1.0}}, gs.NotFoundError, "nope"),
        ({"prices": {"T4": -1.0}}, gs.InvalidArgumentError, "not 0 or more"),
        ({"prices": {"T4": float("nan")}}, gs.InvalidArgumentError, "not 0 or more"),
    ],
)
def test_bad_orders_prices_and_compat_are_refused(mig_trace, options, error, text):
    with pytest.raises(error, match=text):
        gs.Simulator(None, mig_trace, **options).run()
