"""Clusters and traces: where they come from, and what is refused."""

import json
import math

import numpy as np
import pandas
import polars
import pyarrow
import pytest

import libgpusched as gs
from conftest import ROOT

COLUMNS = {
    "submit_s": [0.0, 1.5, 2.25],
    "num_gpu": [1, 2, 1],
    "gpu_milli": [500, None, None],
    "duration_s": [60.0, float("nan"), 10.0],
    "mig_profile": [None, None, "1g.10gb"],
}


def test_cluster_of_equal_nodes():
    cluster = gs.Cluster.of("H100-80GB-SXM5", nodes=16, gpus=8, sharing="mig")
    assert (cluster.num_nodes, cluster.num_gpus) == (16, 128)
    assert set(cluster.nodes["sharing"]) == {"mig"}
    assert list(cluster.nodes["cpu_milli"]) == [28_000 * 8] * 16
    assert repr(cluster) == "<Cluster: 16 nodes, 128 GPUs: 16 x 8 H100-80GB-SXM5>"


@pytest.mark.parametrize("options", [{"nodes": -1}, {"nodes": 0}, {"gpus": -8}, {"gpus": 65}])
def test_sizes_out_of_range_are_refused(options):
    with pytest.raises(gs.InvalidArgumentError):
        gs.Cluster.of("T4", **options)


def test_wrong_types_are_refused():
    with pytest.raises(TypeError, match="nodes is int, not str"):
        gs.Cluster.of("T4", nodes="two")
    with pytest.raises(TypeError, match="count is int, not float"):
        gs.Cluster.from_nodes([{"gpu_model": "T4", "num_gpu": 1, "count": 1.5}])
    with pytest.raises(TypeError, match="a node is a mapping, not str"):
        gs.Cluster.from_nodes(["T4"])
    with pytest.raises(TypeError, match="a value is a number or str, not object"):
        gs.Trace.from_columns(submit_s=[object()], num_gpu=[1])
    assert gs.Cluster.of("T4", nodes=np.int64(2)).num_nodes == 2
    with pytest.raises(TypeError):
        gs.Cluster.of("T4", 16)  # options are by name
    with pytest.raises(TypeError, match="not int"):
        gs.Cluster(4)
    with pytest.raises(TypeError, match="not NoneType"):
        gs.Cluster.from_file(None)
    with pytest.raises(gs.InvalidArgumentError):
        gs.Cluster.of("T4", sharing="sometimes")


NODES = """
nodes:
  - {id: big, count: 2, gpu_model: H100-80GB-SXM5, num_gpu: 8, sharing: mig, labels: {zone: a}}
  - id: small
    gpu_model: T4
    num_gpu: 1
    cpu_milli: 8000
    memory_mib: 32000
    price_per_hour: 350000
"""


def test_cluster_from_yaml_and_json(tmp_path):
    import yaml

    (tmp_path / "c.yaml").write_text(NODES)
    (tmp_path / "c.json").write_text(json.dumps(yaml.safe_load(NODES)))
    for name in ("c.yaml", "c.json"):
        nodes = gs.Cluster.from_file(tmp_path / name).nodes
        assert list(nodes["id"]) == ["big-000000", "big-000001", "small"]
        assert list(nodes["num_gpu"]) == [8, 8, 1]
        assert list(nodes["cpu_milli"]) == [224_000, 224_000, 8000]
        assert nodes["price_per_hour"][2] == 0.35 and math.isnan(nodes["price_per_hour"][0])


def test_cluster_from_kubectl_and_gtf():
    cluster = gs.Cluster.from_file(ROOT / "traces/kubectl/mixed-cluster.json")
    assert cluster.num_nodes == 4
    tiny = gs.Cluster.from_file(ROOT / "traces/tiny")
    assert tiny.num_gpus == gs.Trace.from_file(ROOT / "traces/tiny").cluster.num_gpus


@pytest.mark.parametrize(
    "nodes, text",
    [
        ([], "needs a node"),
        ([{"gpu_model": "T4", "num_gpu": -1}], "num_gpu_negative"),
        ([{"gpu_model": "T5", "num_gpu": 1}], "T5"),
        ([{"gpu_model": "T4", "num_gpu": 1, "colour": "red"}], "colour"),
        ([{"gpu_model": "T4", "num_gpu": 1, "count": 0}], "count 0"),
        ([{"gpu_model": "T4", "num_gpu": 2**40}], "num_gpu_out_of_range"),
    ],
)
def test_bad_nodes_are_refused(nodes, text):
    with pytest.raises(gs.Error, match=text):
        gs.Cluster.from_nodes(nodes)


def test_files_that_are_not_there_or_no_clusters(tmp_path):
    for name in ("c.yaml", "c.json", "nodes.csv"):
        with pytest.raises(gs.NotFoundError):
            gs.Cluster.from_file(tmp_path / name)
    (tmp_path / "c.yaml").write_text("a: [1")
    (tmp_path / "c.json").write_text("[1, 2")
    (tmp_path / "d.yaml").write_text("a: 1")
    for name in ("c.yaml", "c.json", "d.yaml"):
        with pytest.raises(gs.InvalidArgumentError):
            gs.Cluster.from_file(tmp_path / name)


@pytest.mark.parametrize(
    "make",
    [
        lambda: gs.Trace.from_columns(COLUMNS),
        lambda: gs.Trace.from_columns(**COLUMNS),
        lambda: gs.Trace.from_columns({k: np.array(v) for k, v in COLUMNS.items()}),
        lambda: gs.Trace.from_dataframe(pandas.DataFrame(COLUMNS)),
        lambda: gs.Trace.from_dataframe(pandas.DataFrame(COLUMNS).convert_dtypes()),
        lambda: gs.Trace.from_dataframe(polars.DataFrame(COLUMNS, nan_to_null=True)),
        lambda: gs.Trace.from_dataframe(pyarrow.table(COLUMNS)),
    ],
    ids=["dict", "keywords", "numpy", "pandas", "nullable", "polars", "arrow"],
)
def test_trace_from_columns(make):
    jobs = make().jobs
    assert list(jobs["id"]) == ["job-000000", "job-000001", "job-000002"]
    assert list(jobs["submit_s"]) == COLUMNS["submit_s"]
    assert list(jobs["gpu_milli"]) == [500, 1000, 1000]
    assert list(jobs["mig_profile"]) == COLUMNS["mig_profile"]
    assert jobs["duration_s"][0] == 60 and math.isnan(jobs["duration_s"][1])


@pytest.mark.parametrize(
    "columns, text",
    [
        ({"num_gpu": [1]}, "column 'submit_s' is missing"),
        ({"submit_s": [0]}, "column 'num_gpu' is missing"),
        ({"submit_s": [0], "num_gpu": [1, 2]}, "differ in length"),
        ({"submit_s": [], "num_gpu": []}, "needs a job"),
        ({"submit_s": [-1.0], "num_gpu": [1]}, "submit_s_negative"),
        ({"submit_s": [0], "num_gpu": [-1]}, "num_gpu_negative"),
        ({"submit_s": [0], "num_gpu": ["one"]}, "num_gpu_not_a_number"),
        ({"submit_s": [0], "num_gpu": [1], "colour": ["red"]}, "colour"),
        ({"submit_s": [0, 0], "num_gpu": [1, 1], "id": ["a", "a"]}, "duplicate_id"),
    ],
)
def test_bad_columns_are_refused(columns, text):
    with pytest.raises(gs.InvalidArgumentError, match=text):
        gs.Trace.from_columns(columns)


def test_what_is_no_data_frame_is_refused():
    with pytest.raises(TypeError, match="expected a data frame, not int"):
        gs.Trace.from_dataframe(3)


def test_a_trace_can_be_written_and_read(tmp_path):
    trace = gs.Trace.from_columns(COLUMNS)
    trace.write(tmp_path / "t")
    again = gs.Trace.from_file(tmp_path / "t")
    assert again.num_jobs == 3 and list(again.jobs["submit_s"]) == COLUMNS["submit_s"]
    with pytest.raises(gs.InvalidArgumentError, match="Known formats"):
        trace.write(tmp_path / "u", format="parquet")
    with pytest.raises(gs.UnsupportedError):
        trace.write(tmp_path / "u", format="kubectl")


def test_generators():
    assert {"tiny", "mig-mix", "openb-like", "mode-mix"} <= set(gs.generators())
    assert gs.Trace.generate("mig-mix", seed=1, jobs=50).num_jobs == 50
    with pytest.raises(gs.NotFoundError, match="unknown.*nope|no.*nope"):
        gs.Trace.generate("nope")
    with pytest.raises(gs.NotFoundError, match="nobs"):
        gs.Trace.generate("mig-mix", nobs=5)
    with pytest.raises(gs.InvalidArgumentError, match="jobs"):
        gs.Trace.generate("mig-mix", jobs=-5)
    with pytest.raises(TypeError, match="seed is int"):
        gs.Trace.generate("mig-mix", seed=1.5)


def test_dropped_rows_of_a_file_are_counted(tmp_path):
    (tmp_path / "jobs.csv").write_text("id,kind,submit_s,num_gpu\na,pod,0,1\nb,pod,-1,1\n")
    report = gs.Trace.from_file(tmp_path / "jobs.csv").report
    assert (report.read, report.kept, report.dropped) == (2, 1, {"submit_s_negative": 1})
    assert "jobs.csv:3" in report.examples[0]


def test_nodes_make_their_cluster_again():
    for cluster in (gs.Cluster("2xH100-80GB-SXM5:8@mig,1xT4:4"), gs.Cluster("3xA100-80GB:8")):
        nodes = cluster.nodes.to_pandas().astype({"gpu_model": object, "sharing": object})
        again = gs.Cluster.from_nodes(nodes.dropna(axis="columns", how="all").to_dict("records"))
        assert repr(again) == repr(cluster)
        assert list(again.nodes["sharing"]) == list(cluster.nodes["sharing"])


def test_an_event_log_becomes_the_day_it_recorded(tmp_path):
    day = gs.Trace.generate("mixed-day", seed=3)
    log = tmp_path / "log.jsonl"
    recorded = gs.Simulator(None, day, policy="first_fit", event_log=log).run()
    trace = gs.Trace.from_event_log(log)
    assert trace.report.dropped == {} and trace.cluster.num_gpus == day.cluster.num_gpus
    never = int(trace.metadata["pods_that_never_ran"])
    assert trace.num_jobs + never == day.jobs["replicas"].sum() and never > 0  # a row per pod
    again = gs.Simulator(None, trace, policy="first_fit").run()
    one, other = (run.summary["gpu_allocation"] for run in (recorded, again))
    assert one == pytest.approx(other, abs=1e-9)
    # Without failures, priorities and what never ran it is the same day exactly.
    plain = gs.Trace.generate("mig-mix", seed=1, jobs=200, gpus=16, load=0.5)
    first = gs.Simulator("2xH100-80GB-SXM5:8", plain, policy="buddy", event_log=log).run()
    second = gs.Simulator(None, gs.Trace.from_event_log(log), policy="buddy").run()
    for column in ("id", "start_s", "node", "gpus"):
        assert list(first.jobs[column]) == list(second.jobs[column])


@pytest.mark.parametrize(
    "text, line",
    [
        ("", 0),
        ('{"type":"node_added"}\n', 1),
        ("no JSON\n", 1),
        ('{"type":"header"}\n[1]\n', 2),
        ('{"type":"header"}\n{"type":"pod_submitted","t":0,"pod":"a","request":7}\n', 2),
        ('{"type":"header"}\n{"type":"node_added","t":0,"node":"a"}\n', 2),
    ],
)
def test_what_is_no_event_log_is_refused(tmp_path, text, line):
    path = tmp_path / "log.jsonl"
    path.write_text(text)
    with pytest.raises(gs.DataLossError) as caught:
        gs.Trace.from_event_log(path)
    assert caught.value.line == line and caught.value.file == str(path)
    with pytest.raises(gs.NotFoundError):
        gs.Trace.from_event_log(tmp_path / "nowhere")
    with pytest.raises(TypeError):
        gs.Trace.from_event_log(3)
