"""Columns without copies, and who keeps their memory alive."""

import gc
import resource
import sys

import numpy as np
import polars
import pyarrow
import pytest

import libgpusched as gs

NUMBERS = {
    "row": np.int64,
    "submit_s": np.float64,
    "first_start_s": np.float64,
    "start_s": np.float64,
    "end_s": np.float64,
    "evictions": np.int32,
}


def address(array):
    return array.__array_interface__["data"][0]


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_read_only_views(result, name):
    column = result.jobs[name]
    assert column.dtype == NUMBERS[name]
    assert column.shape == (result.jobs.num_rows,) == (len(result.jobs),)
    assert not column.flags.writeable and not column.flags.owndata
    with pytest.raises(ValueError):
        column[0] = 1
    with pytest.raises(ValueError):
        column.flags.writeable = True
    assert address(column) == address(result.jobs[name])


def test_a_view_keeps_its_memory_alive(mig_trace):
    result = gs.Simulator(None, mig_trace).run()
    table = result.jobs
    view = table["submit_s"]
    before = view.copy()
    owner = view.base
    references = sys.getrefcount(owner)
    another = table["submit_s"]
    with_another = sys.getrefcount(owner)
    assert another.base is owner
    del another
    assert (with_another, sys.getrefcount(owner)) == (references + 1, references)
    del table, result, owner
    gc.collect()
    noise = [np.full(view.size, 7.0) for _ in range(50)]  # would overwrite memory that was freed
    assert np.array_equal(view, before) and len(noise) == 50


def test_text_comes_as_str(result):
    jobs = result.jobs
    assert jobs["id"][0] == "j0" and jobs["id"].dtype == object
    codes, words = jobs.codes("outcome"), jobs.categories("outcome")
    assert not codes.flags.writeable and codes.dtype == np.int32
    assert [words[code] for code in codes] == list(jobs["outcome"])
    assert set(jobs.codes("reason")) == {-1} and jobs["reason"][0] is None


def test_arrow_reads_the_same_memory(result):
    table = pyarrow.table(result.jobs)
    assert table.num_rows == result.jobs.num_rows and table.column_names == result.jobs.columns
    for name in NUMBERS:
        buffer = table[name].chunk(0).buffers()[1]
        assert buffer.address == address(result.jobs[name]), name
    outcome = table["outcome"].chunk(0)
    assert pyarrow.types.is_dictionary(outcome.type)
    assert outcome.indices.buffers()[1].address == address(result.jobs.codes("outcome"))
    assert outcome.to_pylist() == list(result.jobs["outcome"])
    assert table["id"].to_pylist() == list(result.jobs["id"])
    table.validate(full=True)


def test_polars_reads_the_same_memory(result):
    frame = polars.DataFrame(result.jobs)
    assert frame.columns == result.jobs.columns
    for name in NUMBERS:
        column = frame[name].to_arrow()
        assert column.buffers()[1].address == address(result.jobs[name]), name
    assert frame["outcome"].cast(polars.String).to_list() == list(result.jobs["outcome"])
    assert result.jobs.to_polars().equals(frame)


def test_missing_values_are_null_in_arrow_and_nan_in_numpy(mig_trace):
    rejected = gs.Simulator("1xH100-80GB-SXM5:1", mig_trace, queue="reject").run().jobs
    never = np.isnan(rejected["start_s"])
    table = pyarrow.table(rejected)
    assert 0 < never.sum() < len(rejected)
    assert table["start_s"].null_count == never.sum()
    assert [value is None for value in table["start_s"].to_pylist()] == list(never)
    assert table["node"].null_count == never.sum() and table["submit_s"].null_count == 0
    assert polars.DataFrame(rejected)["start_s"].null_count() == never.sum()
    table.validate(full=True)


def test_one_batch_and_its_schema(result):
    batch = pyarrow.record_batch(result.timeline)
    assert batch.schema == pyarrow.schema(result.timeline)
    assert batch.num_rows == result.timeline.num_rows
    batch.validate(full=True)


def test_arrow_outlives_the_table(mig_trace):
    table = pyarrow.table(gs.Simulator(None, mig_trace).run().jobs)
    gc.collect()
    noise = [np.full(table.num_rows, 7.0) for _ in range(50)]
    column = table["row"]
    assert column.to_pylist() == list(range(table.num_rows)) and len(noise) == 50
    child = table["outcome"].chunk(0)  # a child that outlives its parent
    del table, column
    gc.collect()
    child.validate(full=True)


def test_streams_say_what_is_in_the_table():
    table = gs.Table({"a": [1, 2], "b": ["x", None], "c": [1.5, float("nan")]})
    stream = pyarrow.RecordBatchReader.from_stream(table)
    assert stream.read_all().to_pydict() == {"a": [1, 2], "b": ["x", None], "c": [1.5, None]}


def test_memory_is_given_back():
    """Whether somebody takes the capsules or not, and whatever outlives what."""
    trace = gs.Trace.generate("mig-mix", jobs=100_000, gpus=800)

    def use():
        table = trace.jobs
        table.__arrow_c_stream__()
        table.__arrow_c_array__()
        return pyarrow.table(table)["submit_s"], polars.DataFrame(table)["num_gpu"], table["id"]

    def peak_mib():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    for _ in range(3):
        use()
    size_mib = sum(trace.jobs[name].nbytes for name in ("submit_s", "num_gpu", "cpu_milli")) / 2**20
    before = peak_mib()
    for _ in range(30):
        use()
    assert peak_mib() - before < 30 * size_mib


def test_to_pandas(result):
    frame = result.jobs.to_pandas()
    assert list(frame.columns) == result.jobs.columns and len(frame) == len(result.jobs)
    assert str(frame["outcome"].dtype) == "category"
    assert list(frame["outcome"]) == list(result.jobs["outcome"])
    assert np.array_equal(frame["start_s"], result.jobs["start_s"], equal_nan=True)


def test_empty_table():
    empty = gs.Simulator(None, gs.Trace.generate("tiny")).run().decisions
    assert len(empty) == 0 and empty["cost"].shape == (0,)
    assert pyarrow.table(empty).num_rows == 0 and len(empty.to_pandas()) == 0


def test_unknown_columns_are_named(result):
    with pytest.raises(gs.NotFoundError, match="no column 'wait'.*It has id, row"):
        result.jobs["wait"]
    with pytest.raises(gs.InvalidArgumentError, match="no categories"):
        result.jobs.codes("start_s")


def test_reprs(result):
    assert repr(result.jobs).startswith("<Table: 400 rows; id, row")
    assert result.jobs._repr_html_().count("<tr>") == 11
