"""The gymnasium environment."""

import gc
import os
import signal
import threading

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import libgpusched as gs
from libgpusched import rl

MIG = ("2xH100-80GB-SXM5:8", "generate:mig-mix:jobs=150,gpus=16,load=1.3")


def play(environment, choose, **reset):
    """Return of an episode, and how many decisions it had."""
    observation, info = environment.reset(**reset)
    total, decisions, over = 0.0, 0, False
    while not over:
        assert observation in environment.observation_space
        observation, reward, over, truncated, info = environment.step(choose(observation, info))
        assert not truncated
        total, decisions = total + reward, decisions + 1
    assert observation in environment.observation_space
    return total, decisions


def of_policy(observation, info):
    assert observation["action_mask"][info["policy_action"]] == 1
    return info["policy_action"]


@pytest.mark.parametrize("reward", rl.REWARDS)
def test_gymnasium_finds_nothing_wrong(reward, recwarn):
    environment = gymnasium.make(
        "libgpusched/Placement-v0",
        cluster=MIG[0],
        trace=MIG[1],
        max_candidates=8,
        reward=reward,
        render_mode="ansi",
    )
    check_env(environment.unwrapped, skip_render_check=False)
    assert [str(warning.message) for warning in recwarn] == []


@pytest.mark.parametrize(
    "cluster, trace, options",
    [
        (*MIG, {"policy": "buddy", "queue": "reject"}),
        (*MIG, {"policy": "mfi"}),
        (None, "generate:openb-like:jobs=300,nodes=20", {"policy": "fgd"}),
        (None, "generate:openb-like:jobs=300,nodes=20", {"policy": "placeable_online"}),
        (None, "generate:openb-like:jobs=200,nodes=10", {"policy": "random"}),
        (None, "generate:mode-mix:mix=dev,hours=6,nodes=2", {"policy": "auto"}),
    ],
)
def test_who_follows_the_policy_places_what_it_places(cluster, trace, options):
    environment = rl.PlacementEnv(cluster, trace, **options)
    total, decisions = play(environment, of_policy, options={"trace_seed": 5})
    name, _, parameters = trace.removeprefix("generate:").partition(":")
    pairs = dict(item.split("=") for item in parameters.split(","))
    same = gs.Trace.generate(name, seed=5, **pairs)
    alone = gs.Simulator(cluster, same, **options).run()
    assert decisions > 50
    assert dict(environment.result.summary) == dict(alone.summary)
    for column in ("node", "gpus", "start_s", "outcome"):
        one, other = environment.result.jobs[column], alone.jobs[column]
        assert list(map(str, one)) == list(map(str, other))
    assert total <= alone.summary["gpu_allocation"] + 1e-9


def test_rewards_add_up_to_the_summary():
    by_time = rl.PlacementEnv(*MIG, queue="reject")
    total, _ = play(by_time, of_policy, seed=1)
    # What runs before the first decision and is no reward of anybody is nothing.
    assert total == pytest.approx(by_time.result.summary["gpu_allocation"], abs=1e-9)
    by_count = rl.PlacementEnv(*MIG, queue="reject", reward="accepted")
    total, _ = play(by_count, of_policy, seed=1)
    assert total == pytest.approx(by_count.result.summary["acceptance"], abs=2 / 150)


def test_a_random_agent_finishes_and_books_nothing_twice():
    environment = rl.PlacementEnv(*MIG, max_candidates=4, queue="reject")
    generator = np.random.default_rng(3)

    def choose(observation, info):
        assert len(info["nodes"]) == observation["action_mask"][:-1].sum() <= 4
        return generator.choice(np.flatnonzero(observation["action_mask"]))

    _, decisions = play(environment, choose, seed=4)
    summary = environment.result.summary
    assert decisions >= summary["accepted"] > 0
    assert summary["accepted"] + summary["rejected"] + summary["infeasible"] == 150


def test_seeds_make_episodes():
    def run(environment, **reset):
        return play(environment, of_policy, **reset)

    environment = rl.PlacementEnv(*MIG, policy="buddy")
    first, again = run(environment, seed=7), run(environment, seed=7)
    assert first == again
    assert run(environment) != first  # the generator goes on
    fixed = rl.PlacementEnv(MIG[0], gs.Trace.generate("mig-mix", jobs=100, gpus=16))
    assert run(fixed, seed=1) == run(fixed, seed=2)


def test_not_now_refuses_or_waits():
    def never(observation, info):
        return len(observation["action_mask"]) - 1

    refusing = rl.PlacementEnv(*MIG, queue="reject")
    total, _ = play(refusing, never, seed=1)
    assert total == 0 and refusing.result.summary["accepted"] == 0
    waiting = rl.PlacementEnv(*MIG, queue="backfill")
    play(waiting, never, seed=1)
    assert waiting.result.summary["waiting"] == 150
    forbidden = rl.PlacementEnv(*MIG, wait=False)
    observation, info = forbidden.reset(seed=1)
    assert observation["action_mask"][-1] == 0 and not forbidden.action_masks()[-1]


def test_a_masked_action_counts_as_not_now():
    environment = rl.PlacementEnv(*MIG, queue="reject", max_candidates=8)
    _, info = environment.reset(seed=1)
    assert info["action_mask"][7] == 0
    environment.step(7)
    _, other = environment.reset(seed=1)
    assert other["job"] == info["job"]


def test_what_is_observed():
    environment = rl.PlacementEnv(*MIG, policy="buddy", queue="reject")
    observation, info = environment.reset(seed=1)
    assert observation["cluster"][0] == 0 and info["job"] == "j0" and info["left_out"] == 0
    assert info["nodes"] == ["node-000000"]  # both are empty: one state
    assert observation["candidates"][0, 7] == 1 and observation["candidates"][0, 5] == 1
    taken = observation["gpus"][0, :, 3].sum()
    assert taken == pytest.approx(observation["job"][3] * 8) and taken > 0
    assert (observation["gpus"][0, :, 0] == 1).all() and (observation["gpus"][1:] == 0).all()
    observation, _, _, _, info = environment.step(info["policy_action"])
    assert observation["cluster"][0] > 0 and len(info["nodes"]) == 2
    assert info["request"].num_gpu == 1 and info["time_s"] > 0


def test_more_states_than_seats_keep_the_policys():
    trace = gs.Trace.generate("openb-like", seed=1, jobs=300, nodes=30)
    environment = rl.PlacementEnv(None, trace, policy="worst_fit", max_candidates=3)
    left_out = []

    def choose(observation, info):
        left_out.append(info["left_out"])
        return of_policy(observation, info)

    play(environment, choose)
    assert max(left_out) > 0
    alone = gs.Simulator(None, trace, policy="worst_fit").run()
    assert dict(environment.result.summary) == dict(alone.summary)


def test_a_policy_in_python_stands_behind_it():
    class Emptiest(gs.Policy):
        def score(self, view):
            return -np.maximum(view.gpu_free_milli, 0).sum(axis=1)

    trace = gs.Trace.generate("openb-like", seed=1, jobs=100, nodes=5)
    environment = rl.PlacementEnv(None, trace, policy=Emptiest())
    play(environment, of_policy)
    alone = gs.Simulator(None, trace, policy=Emptiest()).run()
    assert dict(environment.result.summary) == dict(alone.summary)

    class Broken(gs.Policy):
        def score(self, view):
            raise ZeroDivisionError("on purpose")

    with pytest.raises(ZeroDivisionError, match="on purpose"):
        rl.PlacementEnv(None, trace, policy=Broken()).reset()


def test_episodes_that_are_left_end_their_threads():
    before = len(os.listdir("/proc/self/task"))
    for seed in range(20):
        environment = rl.PlacementEnv(*MIG)
        environment.reset(seed=seed)
        environment.step(0)
    del environment
    gc.collect()
    assert len(os.listdir("/proc/self/task")) <= before + 1


def test_ctrl_c_ends_an_episode():
    class Slow(gs.Policy):
        def score(self, view):
            threading.Event().wait(0.4)
            return [0.0] * len(view)

    trace = gs.Trace.generate("openb-like", seed=1, jobs=100, nodes=5)
    environment = rl.PlacementEnv(None, trace, policy=Slow())
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        environment.reset()


@pytest.mark.parametrize(
    "options, error, text",
    [
        ({"reward": "money"}, gs.InvalidArgumentError, "Known: allocation, accepted"),
        ({"max_candidates": 0}, gs.InvalidArgumentError, "not in 1..100000"),
        ({"max_candidates": "many"}, TypeError, "is int, not str"),
        ({"policy": "nope"}, gs.NotFoundError, "nope"),
        ({"decisions": True}, gs.InvalidArgumentError, "no option decisions"),
        ({"reshape": "one-move"}, gs.InvalidArgumentError, "no option reshape"),
        ({"colour": "red"}, TypeError, "unexpected keyword"),
    ],
)
def test_bad_environments_are_refused(options, error, text):
    with pytest.raises(error, match=text):
        rl.PlacementEnv(*MIG, **options)


def test_bad_steps_are_refused():
    environment = rl.PlacementEnv(*MIG)
    with pytest.raises(gs.InvalidArgumentError, match="no episode is under way.*reset"):
        environment.step(0)
    with pytest.raises(gs.InvalidArgumentError, match="no option speed.*trace_seed"):
        environment.reset(options={"speed": 3})
    environment.reset()
    for action in (-1, 65):
        with pytest.raises(gs.InvalidArgumentError, match="not in 0..64"):
            environment.step(action)
    with pytest.raises(TypeError):
        environment.step(0.5)
    with pytest.raises(gs.InvalidArgumentError, match="not over"):
        environment.result  # noqa: B018
    play(environment, of_policy)
    with pytest.raises(gs.InvalidArgumentError, match="no episode is under way"):
        environment.step(0)
    nothing = gs.Trace.from_columns(submit_s=[0], num_gpu=[8])
    with pytest.raises(gs.InvalidArgumentError, match="no job of this trace can be placed"):
        rl.PlacementEnv("1xT4:4", nothing).reset()
