"""Writes bindings/notebooks/*.ipynb anew from the scripts beside them: python notebook_pairs.py"""

from pathlib import Path

import jupytext
import nbformat

FOLDER = Path(__file__).resolve().parents[2] / "bindings/notebooks"
SCRIPTS = sorted(FOLDER.glob("*.py"))


def notebook_of(script: Path) -> nbformat.NotebookNode:
    """The notebook of a script, without outputs; the same one each time."""
    notebook = jupytext.read(script)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # else drawn at random
    return notebook


if __name__ == "__main__":
    for path in SCRIPTS:
        nbformat.write(notebook_of(path), path.with_suffix(".ipynb"))
