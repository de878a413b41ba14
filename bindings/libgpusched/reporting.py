"""HTML pages of results: report()."""

from __future__ import annotations

import importlib.resources
import os

from . import _core
from .errors import make_error


def report(
    directory: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    title: str = "",
    comparison: str | os.PathLike[str] | None = None,
) -> None:
    """Writes one self-contained page of a folder that ``Result.write`` or ``run --out`` made.

    ``title``: None given, the name of the folder. ``comparison``: a file of ``compare --out``.
    The same page as that of ``gpusched-sim report`` (docs/report.md).

    Raises NotFoundError, InvalidArgumentError or DataLossError for what the folder holds;
    UnsupportedError where the package was built without the page.
    """
    page = importlib.resources.files(__package__).joinpath("report_page.html")
    if not page.is_file():
        raise make_error(
            "unsupported",
            "this libgpusched was built without the report page",
            remedy="Run `tools/setup report` in the checkout, then `pip install .` again",
        )
    made = _core.report(
        page.read_text(encoding="utf-8"),
        os.fspath(directory),
        title,
        "" if comparison is None else os.fspath(comparison),
    )
    with open(path, "w", encoding="utf-8") as file:
        file.write(made)
