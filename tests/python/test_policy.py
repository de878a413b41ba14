"""Policies: of the table, and written in Python."""

import gc
import weakref

import numpy as np
import pytest

import libgpusched as gs


@pytest.fixture(scope="module")
def trace():
    return gs.Trace.generate("openb-like", seed=3, jobs=300, nodes=20)


class WorstFit(gs.Policy):
    """As the policy of that name, but for ties."""

    def score(self, view):
        return -np.maximum(view.gpu_free_milli, 0).sum(axis=1)


def test_names_and_parameters():
    assert {"fgd", "buddy", "auto"} <= set(gs.policies())
    assert "resolution" in gs.policies()["fgd"]
    policy = gs.Policy("fgd:resolution=100")
    assert (policy.name, policy.parameters) == ("fgd", {"resolution": "100"})
    assert repr(gs.Policy("fgd", resolution=100)) == "Policy('fgd', resolution='100')"
    with pytest.raises(gs.NotFoundError, match="no parameter 'colour'.*It takes"):
        gs.Policy("fgd", colour="red")
    with pytest.raises(gs.InvalidArgumentError, match="resolution"):
        gs.Policy("fgd", resolution="many")
    with pytest.raises(TypeError, match="not int"):
        gs.Policy(3)


def test_every_policy_of_the_table_runs(trace):
    for name in gs.policies():
        assert gs.Simulator(None, trace, policy=name).run().summary["jobs"] == 300


def test_a_policy_in_python_decides(trace):
    mine = gs.Simulator(None, trace, policy=WorstFit()).run()
    known = gs.Simulator(None, trace, policy="worst_fit").run()
    packed = gs.Simulator(None, trace, policy="best_fit").run()
    active = [run.summary["active_gpus"] for run in (mine, known, packed)]
    assert abs(active[0] - active[1]) < 0.1 * active[1] and active[2] < active[0]
    assert mine.policy.name == "WorstFit" and repr(mine.policy) == "<WorstFit>"


def test_first_fit_in_python_is_first_fit(trace):
    class FirstFit(gs.Policy):
        def score(self, view):
            return np.where(view.fits == 1, np.arange(view.fits.shape[1]), 99)

    def cheapest_gpu_only_breaks_ties(view):
        # One cost for the whole node, the GPU by its index: what first_fit does with shares.
        return np.zeros(len(view))

    class NodeOrder(gs.Policy):
        def score(self, view):
            return cheapest_gpu_only_breaks_ties(view)

    by_node = gs.Simulator(None, trace, policy=NodeOrder()).run()
    first = gs.Simulator(None, trace, policy="first_fit").run()
    assert list(by_node.jobs["node"][:20]) == list(first.jobs["node"][:20])
    assert gs.Simulator(None, trace, policy=FirstFit()).run().summary["jobs"] == 300


def test_the_view_has_shapes_and_the_request(trace):
    seen = []

    class Look(gs.Policy):
        def score(self, view):
            nodes, gpus = view.gpu_free_milli.shape
            assert nodes == len(view) == view.cpu_free_milli.size == view.gpu_model.size
            for array in (view.mig_occupancy, view.gpu_memory_free_mib, view.fits):
                assert array.shape == (nodes, gpus)
            request = view.request
            assert (view.cpu_free_milli >= request.cpu_milli).all()
            if request.num_gpu == 1 and not request.mig_profile:
                assert (view.fits.max(axis=1) == 1).all()
            seen.append((view, request.gpu_milli, request.mode, request.job_class))
            return [0] * len(view)

    gs.Simulator(None, trace, policy=Look()).run()
    assert len(seen) > 10
    with pytest.raises(gs.InvalidArgumentError, match="has returned"):
        seen[0][0].gpu_free_milli  # noqa: B018
    with pytest.raises(gs.InvalidArgumentError, match="has returned"):
        len(seen[0][0])


def test_what_a_policy_raises_reaches_the_caller(trace):
    class Broken(gs.Policy):
        def score(self, view):
            raise ZeroDivisionError("on purpose")

    simulator = gs.Simulator(None, trace, policy=Broken())
    for _ in range(2):
        with pytest.raises(ZeroDivisionError, match="on purpose"):
            simulator.run()


@pytest.mark.parametrize(
    "returned, text",
    [
        (lambda view: None, "shape"),
        (lambda view: "low", "no array"),
        (lambda view: np.zeros(len(view) + 1), "shape"),
        (lambda view: np.zeros((len(view), 1, 1)), "shape"),
        (lambda view: 0.0, "shape"),
        (lambda view: np.full(len(view), np.nan), "cost nan"),
        (lambda view: np.full(len(view), 1e13), "cost 1"),
        (lambda view: np.full(len(view), 10**13), "cost 10000000000000"),
        (lambda view: np.full(len(view), -(2**63)), "cost -9223372036854775808"),
        (lambda view: np.zeros((len(view), 0)), "too few columns"),
    ],
)
def test_bad_scores_are_refused(trace, returned, text):
    class Bad(gs.Policy):
        def score(self, view):
            return returned(view)

    with pytest.raises(gs.InvalidArgumentError, match=text):
        gs.Simulator(None, trace, policy=Bad()).run()


@pytest.mark.parametrize(
    "give",
    [
        lambda costs: costs.astype(np.float64),
        lambda costs: costs.astype(np.int32),
        lambda costs: costs.astype(">i8"),
        lambda costs: np.repeat(costs, 2)[::2],
        lambda costs: costs.tolist(),
    ],
)
def test_the_same_scores_in_any_type_decide_the_same(trace, give):
    class Given(gs.Policy):
        def __init__(self, give):
            self.give = give

        def score(self, view):
            return self.give(np.maximum(view.gpu_free_milli, 0).sum(axis=1))

    plain, other = (
        gs.Simulator(None, trace, policy=Given(how)).run() for how in (lambda costs: costs, give)
    )
    assert list(plain.jobs["node"]) == list(other.jobs["node"])
    assert dict(plain.summary) == dict(other.summary)


def test_rescoring_on_arrival_asks_more_often(trace):
    class Counting(WorstFit):
        def __init__(self, often):
            self.rescore_on_arrival = often
            self.calls = 0

        def score(self, view):
            self.calls += 1
            return super().score(view)

    seldom, often = Counting(False), Counting(True)
    results = [gs.Simulator(None, trace, policy=policy).run() for policy in (seldom, often)]
    assert dict(results[0].summary) == dict(results[1].summary)
    assert often.calls >= seldom.calls > 0


def test_policies_are_let_go(trace):
    policy = WorstFit()
    gone = weakref.ref(policy)
    simulator = gs.Simulator(None, trace, policy=policy)
    simulator.step(10)
    del policy, simulator
    gc.collect()
    assert gone() is None


def test_a_class_is_no_policy(trace):
    with pytest.raises(TypeError, match=r"give an instance: WorstFit\(\)"):
        gs.Simulator(None, trace, policy=WorstFit)
