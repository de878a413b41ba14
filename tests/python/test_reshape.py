"""Layout changes, tried out."""

import json

import pytest

import libgpusched as gs


def test_the_command_line_says_the_same(gpusched_sim):
    words = ("reshape", "--model", "A100-80GB", "--layout", "1g@0,1g@1,1g@5,2g@2")
    more = ("--pinned", "1g@5", "--idle", "2g@2", "--need", "4g", "--format", "json")
    plan = gs.plan_reshape(
        "A100-80GB", layout="1g@0,1g@1,1g@5,2g@2", pinned="1g@5", idle="2g@2", need="4g"
    )
    assert json.loads(plan.to_json()) == json.loads(gpusched_sim(*words, *more))


def test_a_plan_says_what_it_does_and_costs():
    plan = gs.plan_reshape(gs.GpuModel("A100-80GB"), layout="1g@0,1g@1,1g@5", need="3g")
    assert plan.before == ["1g.10gb@0", "1g.10gb@1", "1g.10gb@5"]
    assert "3g.40gb@0" in plan.after or "3g.40gb@4" in plan.after
    assert plan.moved_pods == 1 and plan.interrupted_pods == 0
    assert len(plan.steps) > 2 and repr(plan).startswith("<ReshapePlan: ")
    assert str(plan).startswith("from: 1g.10gb@0") and "to:   " in str(plan)
    costs = plan.costs
    assert costs["elapsed_s"].sum() == pytest.approx(plan.elapsed_s) and plan.elapsed_s > 0
    assert costs["lost_gpu_s"].sum() == pytest.approx(plan.lost_gpu_s)
    assert list(costs["term"])[:2] == ["drain", "mode_toggle"]


def test_a_layout_is_reached():
    plan = gs.plan_reshape("H100-80GB-SXM5", layout="3g@0,2g@4", target="2g@0,3g@4")
    assert plan.after == ["2g.20gb@0", "3g.40gb@4"] and plan.moved_pods == 2
    nothing = gs.plan_reshape("H100-80GB-SXM5", layout="3g@0", target="3g@0")
    assert nothing.steps == [] and nothing.elapsed_s == 0


def test_mig_parted_gets_its_configuration(gpusched_sim):
    plan = gs.plan_reshape("A100-80GB", layout="1g@0,3g@4", need="2g", actuation="drain-gpu")
    yaml = pytest.importorskip("yaml")
    assert "mig-configs" in yaml.safe_load(plan.mig_parted(node="n1"))
    (step,) = plan.label_steps(node="n1")
    assert step["node"] == "n1" and step["label"] == "nvidia.com/mig.config"
    assert plan.label_steps(node="n1", undo=True)[0]["value"] != step["value"]
    words = ("reshape", "--model", "A100-80GB", "--layout", "1g@0,3g@4", "--need", "2g")
    printed = gpusched_sim(*words, "--actuation", "drain-gpu", "--format", "mig-parted")
    assert printed.startswith(plan.mig_parted())
    with pytest.raises(gs.UnsupportedError):
        gs.plan_reshape("A100-80GB", layout="1g@0,1g@1,1g@5", need="3g").mig_parted()


@pytest.mark.parametrize(
    "model, options, error, text",
    [
        ("nope", {"need": "3g"}, gs.NotFoundError, "nope"),
        ("T4", {"need": "3g"}, gs.UnsupportedError, "T4"),
        ("A100-80GB", {}, gs.InvalidArgumentError, "either need or target"),
        ("A100-80GB", {"need": "3g", "target": "3g@0"}, gs.InvalidArgumentError, "either"),
        ("A100-80GB", {"need": "9g"}, gs.NotFoundError, "9g"),
        ("A100-80GB", {"layout": "3g", "need": "1g"}, gs.InvalidArgumentError, "3g"),
        ("A100-80GB", {"layout": 3, "need": "1g"}, TypeError, "layout is str"),
        ("A100-80GB", {"need": "1g", "actuation": "magic"}, gs.InvalidArgumentError, "drain-gpu"),
        ("A100-80GB", {"need": "1g", "most_moves": -1}, gs.InvalidArgumentError, "negative"),
        ("A100-80GB", {"need": "1g", "most_moves": "x"}, TypeError, "most_moves is int"),
        (
            "A100-80GB",
            {"layout": "7g@0", "pinned": "7g@0", "need": "1g"},
            gs.UnsupportedError,
            "1g",
        ),
        (
            "A100-80GB",
            {"layout": "3g@0", "need": "1g", "mig_enabled": False},
            gs.InvalidArgumentError,
            "MIG mode is off",
        ),
    ],
)
def test_bad_questions_are_refused(model, options, error, text):
    with pytest.raises(error, match=text):
        gs.plan_reshape(model, **options)
