"""Pages of results."""

import os
import re

import pytest

import libgpusched as gs


def test_the_command_line_writes_the_same_page(gpusched_sim, mig_trace, tmp_path):
    result = gs.Simulator("4xH100-80GB-SXM5:8", mig_trace, policy="buddy").run()
    result.report(tmp_path / "page.html", title="one run")
    result.write(tmp_path / "results")
    words = ("report", tmp_path / "results", "-o", tmp_path / "other.html", "--title", "one run")
    gpusched_sim(*words)
    page = (tmp_path / "page.html").read_text()
    # A page names the build that made it: the package may come from an sdist, which has no commit.
    without_build = re.compile(r'":"\d+\.\d+\.\d+( \([0-9a-z-]*\))?"')
    theirs = (tmp_path / "other.html").read_text()
    assert len(without_build.findall(page)) == len(without_build.findall(theirs)) == 1
    assert without_build.sub("", page) == without_build.sub("", theirs)
    assert "<title>" in page and "uPlot" in page
    gs.report(tmp_path / "results", tmp_path / "third.html", title="one run")
    assert (tmp_path / "third.html").read_text() == page


def test_policies_are_compared_on_it(gpusched_sim, result, tmp_path):
    words = ("compare", "--trace", "generate:mig-mix:jobs=100,gpus=8", "--policy", "buddy,mfi")
    gpusched_sim(*words, "--seeds", 2, "--out", tmp_path / "comparison.csv")
    result.report(tmp_path / "page.html", comparison=tmp_path / "comparison.csv")
    assert "mfi" in (tmp_path / "page.html").read_text()


def test_what_cannot_be_reported_is_said(result, tmp_path):
    with pytest.raises(gs.NotFoundError, match="summary.json"):
        gs.report(tmp_path, tmp_path / "page.html")
    with pytest.raises(gs.Error, match="nothing.csv"):
        result.report(tmp_path / "page.html", comparison=tmp_path / "nothing.csv")
    with pytest.raises(OSError):
        result.report(tmp_path / "no" / "such" / "folder.html")


def test_a_package_without_the_page_says_how_to_get_it(result, tmp_path, monkeypatch):
    import importlib.resources

    monkeypatch.setattr(importlib.resources, "files", lambda package: tmp_path)
    with pytest.raises(gs.UnsupportedError, match="tools/setup report"):
        result.report(tmp_path / "page.html")
    assert os.listdir(tmp_path) == []
