"""What a run costs more from Python than from C++, and what a policy in Python costs.

    overhead.py [REPLAY_SECONDS]    the program; default build/release/bin/replay_seconds

Both sides replay the same generated trace; of each the fastest repetition counts.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

import libgpusched as gs

JOBS, POLICY, ROUNDS = 100_000, "buddy", 7


class BestFit(gs.Policy):
    """The least GPU left over."""

    calls = 0

    def score(self, view: gs.NodesView) -> np.ndarray:
        self.calls += 1
        return np.maximum(view.gpu_free_milli, 0).sum(axis=1)


def seconds(call: Callable[[], object]) -> float:
    """CPU seconds, the fastest of some repetitions."""
    times = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        call()
        times.append(time.process_time() - begin)
    return min(times)


def compare(program: str) -> None:
    text = subprocess.check_output([program, str(JOBS), POLICY, str(ROUNDS)], text=True)
    in_cpp = min(map(float, text.split()))
    trace = gs.Trace.generate("mig-mix", jobs=JOBS, gpus=800)

    def run(**options: bool) -> gs.Result:
        result = gs.Simulator(None, trace, policy=POLICY, **options).run()
        assert result.summary
        return result

    in_python, with_decisions = seconds(run), seconds(lambda: run(decisions=True))
    data = run()._data
    jobs = run().jobs
    print(f"{JOBS} jobs, policy {POLICY}; CPU time, best of {ROUNDS}")
    print(f"  simulate() in C++             {in_cpp:.4f} s")
    print(f"  Simulator.run() and summary   {in_python:.4f} s, {in_python / in_cpp - 1:+.1%}")
    more = with_decisions / in_cpp - 1
    print(f"  the same, decisions kept      {with_decisions:.4f} s, {more:+.1%}")
    print(f"  Result.jobs, made once        {seconds(data.jobs):.4f} s")
    print(f"  jobs['start_s']               {seconds(lambda: jobs['start_s']) * 1e6:.1f} us")


def measure_policy() -> None:
    trace = gs.Trace.generate("openb-like", jobs=5000, nodes=95)
    policy = BestFit()
    own = seconds(lambda: gs.Simulator(None, trace, policy=policy).run())
    known = seconds(lambda: gs.Simulator(None, trace, policy="best_fit").run())
    calls = policy.calls / ROUNDS
    each = (own - known) / calls * 1e6
    print(f"a policy in Python: {calls:.0f} calls of score() in 5000 jobs, {each:.1f} us each")


if __name__ == "__main__":
    compare(sys.argv[1] if len(sys.argv) > 1 else "build/release/bin/replay_seconds")
    measure_policy()
