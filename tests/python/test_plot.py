"""Figures: what the lines, points and boxes of each say, not how they look."""

import json
import subprocess
import sys

import matplotlib
import numpy as np
import pandas
import polars
import pytest

import libgpusched as gs
from libgpusched import plot

matplotlib.use("Agg")


@pytest.fixture
def ax():
    from matplotlib.figure import Figure

    return Figure().subplots()


@pytest.fixture(scope="module")
def other(mig_trace):
    return gs.Simulator("4xH100-80GB-SXM5:8", mig_trace, policy="first_fit").run()


def lines(ax):
    """The data of each line by its label."""
    return {line.get_label(): line.get_xydata() for line in ax.lines}


def test_demand_is_what_arrived_and_what_would_run(result, mig_trace):
    demand = result.demand
    assert demand.columns == ["time_s", "arrived_gpus", "offered_gpus"]
    assert np.array_equal(demand["time_s"], result.timeline["time_s"])
    jobs = mig_trace.jobs
    units = {"1g": 1, "2g": 2, "3g": 4, "4g": 4, "7g": 8}
    sizes = np.array(
        [units[name[:2]] / 8 if name != "1g.20gb" else 2 / 8 for name in jobs["mig_profile"]]
    )
    for row in (0, 100, demand.num_rows - 1):
        time = demand["time_s"][row]
        came = jobs["submit_s"] <= time
        assert demand["arrived_gpus"][row] == pytest.approx(sizes[came].sum())
        there = came & (jobs["submit_s"] + jobs["duration_s"] > time)
        assert demand["offered_gpus"][row] == pytest.approx(sizes[there].sum())


def test_demand_counts_shares_replicas_and_who_stays():
    trace = gs.Trace.from_columns(
        submit_s=[0, 10, 20], num_gpu=[1, 2, 0], gpu_milli=[250, None, None],
        duration_s=[15, None, 5], replicas=[3, 1, 1],
    )  # fmt: skip
    result = gs.Simulator("2xT4:4", trace, policy="best_fit").run()
    assert result.num_gpus == 8
    rows = {row["time_s"]: row for row in map(result.demand.row, range(len(result.demand)))}
    assert rows[10.0]["arrived_gpus"] == rows[10.0]["offered_gpus"] == 2.75
    assert rows[15.0]["arrived_gpus"] == 2.75 and rows[15.0]["offered_gpus"] == 2


def test_demand_is_what_the_results_have(tmp_path):
    # Shares, gangs, replicas, MIG instances of two models, and who stays.
    result = gs.Simulator(None, gs.Trace.generate("mixed-day", seed=1)).run()
    result.write(tmp_path)
    written = pandas.read_csv(tmp_path / "demand.csv")
    for name in result.demand.columns:
        assert np.allclose(result.demand[name], written[name], rtol=0, atol=1e-6), name


def test_allocation_over_demand(result, ax):
    assert plot.allocation(result, ax=ax) is ax
    shown = lines(ax)
    assert list(shown) == ["allocated", "demanded", "fragmented"]
    x, y = shown["allocated"].T
    assert np.all(np.diff(x) >= 0) and x[-1] == 100 * result.demand["arrived_gpus"][-1] / 32
    assert np.array_equal(y, 100 * result.timeline["gpu_allocated"][: len(y)])
    assert 0 < len(y) <= result.timeline.num_rows
    assert np.allclose(shown["demanded"][:, 1], 100 * result.demand["offered_gpus"][: len(y)] / 32)
    assert ax.get_xlabel() == "arrived demand, % of all GPUs"
    assert ax.get_ylabel() == "% of all GPUs"


def test_fragmentation_over_time_and_over_demand(result, ax):
    shown = lines(plot.fragmentation(result, ax=ax))
    timeline = result.timeline
    assert np.array_equal(shown["fragmented"][:, 1], timeline["fragment_gpus"])
    assert np.allclose(shown["free"][:, 1], 32 * (1 - timeline["gpu_allocated"]))
    assert ax.get_xlabel() == "time, hours" and ax.get_ylabel() == "GPUs"
    assert np.allclose(shown["free"][:, 0], timeline["time_s"] / 3600)
    ax.clear()
    shown = lines(plot.fragmentation(result, over="demand", ax=ax))
    assert np.allclose(shown["free"][:, 0], 100 * result.demand["arrived_gpus"] / 32)
    with pytest.raises(gs.InvalidArgumentError, match="over 'jobs' is unknown"):
        plot.fragmentation(result, over="jobs", ax=ax)


def test_utilisation(result, ax):
    shown = lines(plot.utilisation(result, ax=ax))
    share, active = result.timeline["gpu_allocated"], result.timeline["active_gpus"]
    assert np.array_equal(shown["allocated of all GPUs"][:, 1], 100 * share)
    assert np.allclose(shown["active GPUs"][:, 1], 100 * active / 32)
    packed = shown["allocated of active GPUs"][:, 1]
    held = active > 0
    assert np.allclose(packed[held], 3200 * share[held] / active[held])
    assert np.all(np.isnan(packed[~held])) and np.nanmax(packed) <= 100 + 1e-9


def test_waiting_is_the_whole_distribution(result, ax):
    (line,) = lines(plot.waiting(result, ax=ax)).values()
    waits = result.jobs["first_start_s"] - result.jobs["submit_s"]
    waits = waits[~np.isnan(waits)]
    for seconds, percent in line[1:]:
        assert percent == pytest.approx(100 * np.mean(waits <= seconds))
    assert list(line[0]) == [0, 0] and line[-1, 1] == 100
    assert ax.get_xscale() == "symlog"
    assert "1 min" in [tick.get_text() for tick in ax.get_xticklabels()]


def test_waiting_says_who_never_started(mig_trace, ax):
    rejecting = gs.Simulator("4xH100-80GB-SXM5:8", mig_trace, queue="reject").run()
    never = rejecting.summary["rejected"]
    assert never > 0
    assert list(lines(plot.waiting(rejecting, ax=ax))) == [
        f"jobs that started ({never} never started)"
    ]
    nobody = pandas.DataFrame({"submit_s": [0.0], "first_start_s": [float("nan")]})
    with pytest.raises(gs.InvalidArgumentError, match="no job of the run started"):
        plot.waiting(nobody, ax=ax)


@pytest.mark.parametrize("figure", [plot.allocation, plot.fragmentation, plot.utilisation])
def test_several_runs_have_a_line_each(figure, result, other, ax):
    assert list(lines(figure([result, other], ax=ax))) == ["buddy", "first_fit"]
    ax.clear()
    assert list(lines(figure({"ours": result, "theirs": other}, ax=ax))) == ["ours", "theirs"]
    ax.clear()
    assert list(lines(figure([result, result], ax=ax))) == ["buddy", "buddy (2)"]
    with pytest.raises(gs.InvalidArgumentError, match="no runs"):
        figure([], ax=ax)
    with pytest.raises(TypeError, match="a run is a Result or a table, not int"):
        figure([3], ax=ax)


def test_tables_do_as_well(result, tmp_path, ax):
    result.write(tmp_path)
    timeline = pandas.read_csv(tmp_path / "timeline.csv")
    shown = lines(plot.utilisation(timeline, gpus=32, ax=ax))
    assert np.allclose(shown["allocated of all GPUs"][:, 1], 100 * result.timeline["gpu_allocated"])
    ax.clear()
    plot.waiting(polars.read_csv(tmp_path / "jobs.csv"), ax=ax)
    with pytest.raises(gs.InvalidArgumentError, match="Give gpus="):
        plot.utilisation(timeline, ax=ax)
    with pytest.raises(gs.InvalidArgumentError, match="column 'arrived_gpus' is missing"):
        plot.allocation(timeline, gpus=32, ax=ax)
    ax.clear()
    both = timeline.merge(pandas.read_csv(tmp_path / "demand.csv").drop_duplicates(), on="time_s")
    assert list(lines(plot.allocation(both, gpus=32, ax=ax))) == [
        "allocated",
        "demanded",
        "fragmented",
    ]


def test_comparison_has_the_intervals_of_the_command_line(gpusched_sim, ax):
    trace = "generate:mig-mix:jobs=300,gpus=16,load=1.2"
    table = gs.sweep(
        {
            "trace": trace,
            "policy": ["buddy", "first_fit"],
            "queue": "reject",
            "seed": [1, 2, 3],
        }
    )
    ax = plot.comparison(table, measure="acceptance_by_size", ax=ax)
    (container,) = ax.containers
    points, _, (bars,) = container
    means = dict(zip([t.get_text() for t in ax.get_yticklabels()], points.get_xdata(), strict=True))
    halves = [float(np.ptp(segment[:, 0])) / 2 for segment in bars.get_segments()]
    arguments = ["--policy", "buddy,first_fit", "--queue", "reject", "--seeds", "3", "--seed", "1"]
    printed = json.loads(gpusched_sim("compare", "--trace", trace, *arguments, "--json"))
    for (name, mean), half in zip(means.items(), halves, strict=True):
        (row,) = [row for row in printed if row["policy"] == name]
        assert mean == pytest.approx(100 * row["acceptance_by_size"]["mean"])
        assert half == pytest.approx(100 * row["acceptance_by_size"]["ci95"])
    assert list(means.values()) == sorted(means.values())  # the highest is on top
    assert ax.get_xlabel() == "accepted, by size, %"


def test_comparison_refuses_to_mix_what_differs(ax):
    table = gs.sweep(
        {
            "trace": "generate:mig-mix:jobs=50,gpus=16",
            "policy": "buddy",
            "queue": ["reject", "fifo"],
            "seed": [1, 2],
        }
    )
    with pytest.raises(gs.InvalidArgumentError, match="seed 1 twice.*Name in `by`"):
        plot.comparison(table, ax=ax)
    plot.comparison(table, by=["policy", "queue"], measure="wait_s_p99", ax=ax)
    labels = {tick.get_text() for tick in ax.get_yticklabels()}
    assert labels == {"buddy, reject", "buddy, fifo"}


def test_partitions_lie_where_the_state_has_them(mig_trace, ax):
    simulator = gs.Simulator("4xH100-80GB-SXM5:8", mig_trace, policy="buddy")
    simulator.step(60)
    state = simulator.state
    plot.partitions(state, ax=ax)
    boxes = [box for box in ax.patches if box.get_label()]
    assert len(ax.patches) == 32 + len(boxes) and len(boxes) == state.placements.num_rows
    placed = state.placements
    nodes = [node for node in dict.fromkeys(state.gpus["node"])]
    for pod, node, gpu, start, size, profile in zip(
        *(placed[name] for name in ("pod", "node", "gpu", "start", "size", "profile")), strict=True
    ):
        (box,) = [box for box in boxes if box.get_label() == f"{pod}: {profile}"]
        assert box.get_x() == pytest.approx(gpu + 0.04 + 0.92 * start / 8)
        assert box.get_width() == pytest.approx(0.92 * size / 8)
        assert box.get_y() + 0.4 == pytest.approx(nodes.index(node))
    assert [tick.get_text() for tick in ax.get_yticklabels()][0] == "node-000000 (H100-80GB-SXM5)"


def test_maps_of_clusters_are_idle(ax):
    plot.partitions(gs.Cluster("2xH100-80GB-SXM5:8,1xT4:2"), ax=ax)
    assert len(ax.patches) == 18
    with pytest.raises(TypeError, match="a map is of a State or a Cluster, not str"):
        plot.partitions("2xT4:1", ax=ax)


def test_without_ax_a_new_figure(result):
    import matplotlib.pyplot as plt

    first, second = plot.waiting(result), plot.waiting(result)
    assert first.figure is not second.figure
    plt.close("all")


def test_matplotlib_waits_until_it_is_needed():
    code = (
        "import sys; sys.modules['matplotlib'] = None; import libgpusched as gs;"
        "gs.plot.partitions(gs.Cluster('1xT4:1'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "figures need matplotlib: pip install libgpusched[plot]" in done.stderr
