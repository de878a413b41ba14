"""The sessions of docs/python.md come out as written."""

import doctest

from conftest import ROOT


def test_documented_sessions(capsys):
    outcome = doctest.testfile(str(ROOT / "docs/python.md"), module_relative=False)
    assert outcome.failed == 0, capsys.readouterr().out
    assert outcome.attempted > 20
