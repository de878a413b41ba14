"""A gymnasium environment: an agent places jobs. Needs ``pip install libgpusched[rl]``.

>>> from libgpusched import rl
>>> environment = rl.PlacementEnv("4xH100-80GB-SXM5:8", "generate:mig-mix:jobs=500,gpus=32")
>>> observation, info = environment.reset(seed=1)
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

try:
    import gymnasium
    from gymnasium import spaces
except ModuleNotFoundError:
    raise ModuleNotFoundError(
        "libgpusched.rl needs gymnasium: pip install libgpusched[rl]"
    ) from None

from . import _core
from .errors import refuse, whole
from .policy import Policy, check_word
from .simulator import Result, Simulator
from .trace import GENERATE, Cluster, Trace, generated

__all__ = ["PlacementEnv"]

REWARDS = ("allocation", "accepted")
_REFUSED = ("event_log", "decisions", "reshape", "reshape_delay")


class PlacementEnv(gymnasium.Env[dict[str, np.ndarray[Any, Any]], np.int64]):
    """Jobs come one after the other, as in a replay; the agent says to which node each goes.

    ``cluster``, ``trace`` and ``options`` are those of :class:`libgpusched.Simulator`, but for
    event_log, decisions and reshape. A trace "generate:NAME:K=V,..." is generated anew for each
    episode, from the environment's own generator or from ``reset(options={"trace_seed": 7})``;
    a Trace and a path are the same in each.

    **Action** (Discrete): which of the candidates takes the job. A candidate is a state of nodes:
    of nodes in equal state one is offered. Candidates are in the order of nodes and fill the first
    places; the last action, ``max_candidates``, is "not now": the job is refused where the queue
    is "reject", else it waits and is offered again when something has ended. The mask says which
    actions there are; one that it forbids counts as "not now". ``wait=False`` forbids that too.
    Inside a node the policy chooses the GPUs, of an instance its position. The agent is asked only
    when the policy can place the job now; gangs, evictions and everything else are the policy's.

    **Observation** (Dict; all but the mask float32 from 0 to 1, rows behind the last candidate 0):

    - ``job`` (7,): GPUs asked for, over the most of a node; share of each; stated GPU memory, over
      the largest; GPUs' worth of MIG instances, over the most of a node; CPU and memory, over the
      largest node; time waited, w / (w + 1 hour).
    - ``cluster`` (3,): allocated and active share of the GPUs; share of the jobs that have come.
    - ``candidates`` (max_candidates, 8): CPU and memory left, over the largest node; GPUs, over the
      most of a node; of these free (shares and placement units), largest free share of one, idle,
      cut by MIG; nodes in this state, over all.
    - ``gpus`` (max_candidates, most GPUs of a node, 4): free share; placement units taken; memory
      left, over the largest; what the job would take.
    - ``action_mask`` (max_candidates + 1,), int8: 1 where the action is there.

    **Reward**: "allocation": GPU time that was allocated since the last decision, over all GPU
    time up to the last arrival; an episode adds up to ``summary["gpu_allocation"]``. "accepted":
    jobs that got their first start since the last decision, over all jobs; with a queue "reject" an
    episode adds up to ``summary["acceptance"]``.

    ``info``: job, request, time_s, nodes (a name per candidate), policy_action (where the policy
    would go: an agent that always takes it places the same jobs as the policy alone), left_out
    (candidates beyond max_candidates; the policy's is always there), action_mask. When the replay
    is over, ``terminated`` is True, ``info`` holds only the mask and :attr:`result` the figures.

    ``gymnasium.make("libgpusched/Placement-v0", cluster=..., trace=...)`` makes it too.

    Raises what Simulator raises; InvalidArgumentError when stepped without a reset.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 1}

    def __init__(
        self,
        cluster: Cluster | str | None,
        trace: Trace | str | os.PathLike[str],
        *,
        policy: str | Policy = "placeable_online",
        reward: str = "allocation",
        max_candidates: int = 64,
        wait: bool = True,
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        check_word("reward", reward, REWARDS)
        check_word("render_mode", render_mode, ("ansi",))
        if not 1 <= whole("max_candidates", max_candidates) <= 100_000:
            raise refuse(f"max_candidates {max_candidates} is not in 1..100000")
        for name in _REFUSED:
            if name in options:
                raise refuse(f"an environment has no option {name}")
        self.render_mode = render_mode
        self._cluster, self._policy, self._options = cluster, policy, options
        self._recipe = trace if isinstance(trace, str) and trace.startswith(GENERATE) else None
        self._trace = trace
        self._reward, self._most, self._wait = reward, whole("max_candidates", max_candidates), wait
        self._episode: _core.Episode | None = None
        self._simulator = self._replay(0)
        self._gpus = max(1, int(self._simulator._trace.nodes().values("num_gpu").max()))
        self._result: Result | None = None
        self._gained = 0.0
        self.action_space = spaces.Discrete(self._most + 1)
        space: Any = spaces.Dict(
            {
                "job": _box(7),
                "cluster": _box(3),
                "candidates": _box(self._most, 8),
                "gpus": _box(self._most, self._gpus, 4),
                "action_mask": spaces.MultiBinary(self._most + 1),
            }
        )
        self.observation_space = space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """A new episode, at its first decision.

        ``seed`` starts the environment's generator anew, as gymnasium has it; ``options`` may hold
        trace_seed. Raises InvalidArgumentError for another option, or a trace without decisions.
        """
        super().reset(seed=seed)
        given = dict(options or {})
        drawn = int(self.np_random.integers(2**31)) if self._recipe is not None else 0
        trace_seed = whole("trace_seed", given.pop("trace_seed", drawn))
        if given:
            raise refuse(f"reset has no option {', '.join(given)}", "Known: trace_seed")
        if self._recipe is not None:
            self._simulator = self._replay(trace_seed)
        settings = {**self._simulator._settings, "until": None}
        self._episode = _core.Episode(self._simulator._trace, settings, self._most)
        self._result, self._gained = None, 0.0
        if not self._episode.advance(-1):
            raise refuse("no job of this trace can be placed", "Give a larger cluster")
        self._gained = self._total()
        return self._observe()

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Carries the action out and goes on to the next decision; never truncated."""
        if self._episode is None or self._result is not None:
            raise refuse("no episode is under way", "Call reset()")
        if not 0 <= whole("action", action) <= self._most:
            raise refuse(f"action {action} is not in 0..{self._most}")
        goes_on = self._episode.advance(int(action))
        if not goes_on:
            simulator = self._simulator
            self._result = Result(
                self._episode.finish(), simulator.policy, simulator.seed, simulator._trace
            )
        total = self._total()
        reward, self._gained = total - self._gained, total
        observation, info = self._observe()
        return observation, reward, not goes_on, False, info

    @property
    def result(self) -> Result:
        """Of the episode that is over. InvalidArgumentError before."""
        if self._result is None:
            raise refuse("the episode is not over", "Step until terminated is True")
        return self._result

    def action_masks(self) -> np.ndarray[Any, Any]:
        """The mask as bool, where sb3-contrib's MaskablePPO looks for it."""
        return np.asarray(self._observe()[0]["action_mask"], dtype=bool)

    def render(self) -> str | None:
        """With render_mode "ansi": a line about the decision at hand."""
        if self.render_mode is None or self._episode is None or self._result is not None:
            return None
        question = self._episode.question()
        return f"{question['time_s']:.0f} s: {question['job']} to one of {question['nodes']}"

    def close(self) -> None:
        """Ends the episode."""
        self._episode = None

    def _replay(self, trace_seed: int) -> Simulator:
        trace = self._trace if self._recipe is None else generated(self._recipe, trace_seed)
        return Simulator(self._cluster, trace, policy=self._policy, **self._options)

    def _total(self) -> float:
        """The reward of the episode up to now."""
        assert self._episode is not None
        if self._reward == "allocation":
            return self._episode.allocation
        return self._episode.started / max(1, self._simulator._trace.job_count)

    def _observe(self) -> tuple[dict[str, Any], dict[str, Any]]:
        if self._episode is None:
            raise refuse("no episode is under way", "Call reset()")
        observation = self._episode.observation(self._gpus)
        if not self._wait and self._result is None:
            observation["action_mask"][-1] = 0
        info = {} if self._result is not None else self._episode.question()
        return observation, {**info, "action_mask": observation["action_mask"]}


gymnasium.register("libgpusched/Placement-v0", entry_point="libgpusched.rl:PlacementEnv")


def _box(*shape: int) -> spaces.Box:
    return spaces.Box(0.0, 1.0, shape, np.float32)
