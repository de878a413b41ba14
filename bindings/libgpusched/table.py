"""Columns that C++ owns, as numpy, Arrow, pandas and polars see them."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow


class Table:
    """Named columns of one length.

    ``table["wait_s"]`` of a column of numbers is a read-only numpy view of the memory that C++
    filled, shape ``(table.num_rows,)``: no copy, and it keeps that memory alive. Columns of text
    come as new arrays of ``str``, ``None`` where there is no value; where words repeat
    (``outcome``, ``node``), ``codes`` is the view and ``categories`` has the words.

    Implements the Arrow PyCapsule interface: ``pyarrow.table(t)`` and ``polars.DataFrame(t)``
    read the columns where they lie.
    """

    __slots__ = ("_data",)

    def __init__(self, data: _core.Table | Mapping[str, Sequence[Any]]) -> None:
        if not isinstance(data, _core.Table):
            data = _core.Table.from_columns({name: _given(data[name]) for name in data})
        self._data = data

    @property
    def columns(self) -> list[str]:
        """Names, in order."""
        return self._data.columns

    @property
    def num_rows(self) -> int:
        """Length of every column."""
        return self._data.rows

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)"""
        return self.num_rows, len(self.columns)

    def __getitem__(self, name: str) -> np.ndarray[Any, Any]:
        values = self._data.values(name)
        if isinstance(values, np.ndarray):
            return values
        texts = np.empty(len(values), dtype=object)
        texts[:] = values
        return texts

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __len__(self) -> int:
        return self.num_rows

    def codes(self, name: str) -> np.ndarray[Any, Any]:
        """Read-only int32 view: index into ``categories(name)``, -1 where there is no value."""
        return self._data.codes(name)

    def categories(self, name: str) -> list[str]:
        """The different words of a column, in order of first appearance."""
        return self._data.words(name)

    def row(self, index: int) -> dict[str, Any]:
        """One row as a dict; slow, for looking."""
        return {name: self[name][index : index + 1].tolist()[0] for name in self.columns}

    def __arrow_c_schema__(self) -> object:
        return self._data.arrow_schema()

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        return self._data.arrow_array()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._data.arrow_stream()

    def to_arrow(self) -> pyarrow.Table:
        """Needs pyarrow."""
        import pyarrow

        return pyarrow.table(self)

    def to_pandas(self) -> pandas.DataFrame:
        """Needs pandas alone. Numbers are copied by pandas where it must; words are categories."""
        import pandas

        return pandas.DataFrame({name: self._pandas_column(name) for name in self.columns})

    def _pandas_column(self, name: str) -> Any:
        import pandas

        try:
            categories = self.categories(name)
        except ValueError:
            return self[name]
        return pandas.Categorical.from_codes(self.codes(name), categories=categories)

    def to_polars(self) -> polars.DataFrame:
        """Needs polars; reads the columns where they lie."""
        import polars

        return polars.DataFrame(self)

    def __repr__(self) -> str:
        return f"<Table: {self.num_rows} rows; {', '.join(self.columns)}>"

    def _repr_html_(self) -> str:
        shown = min(self.num_rows, 10)
        columns = {name: self[name][:shown] for name in self.columns}
        head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
        rows = "".join(
            "<tr>"
            + "".join(f"<td>{_cell(values[i])}</td>" for values in columns.values())
            + "</tr>"
            for i in range(shown)
        )
        more = f"<p>{self.num_rows} rows, of which {shown} are shown</p>"
        return f"<table><tr>{head}</tr>{rows}</table>{more}"


def _given(column: Sequence[Any]) -> Any:
    """A column for C++: arrays of its own kinds of numbers as they are, all else as a list."""
    if isinstance(column, np.ndarray):
        return column if column.dtype in (np.float64, np.int64) else column.tolist()
    return list(column)


def _cell(value: Any) -> str:
    if value is None or value != value:
        return ""
    return html.escape(f"{value:g}" if isinstance(value, float) else str(value))
