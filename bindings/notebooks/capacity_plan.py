# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A capacity plan, with confidence
#
# How many GPUs does it take, and how sure is that? `Planner` searches clusters for the smallest one
# that meets targets in the mean over days, runs as many days as the answer needs, and says what it
# proved. [Planning](../../docs/plan.md) has the method. Needs `pip install '.[pandas,plot]'`.

# %%
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

import libgpusched as gs

DAYS = "generate:mig-mix:gpus=32,jobs=500,load=0.8"

# %% [markdown]
# ## The question
#
# Days of 500 jobs that ask for MIG instances; each seed makes another day. The slowest of the
# fastest 99 % shall wait less than 90 minutes, in the mean over days, on nodes of two H100.

# %%
question = {
    "targets": ["wait_p99<90m"],
    "shape": "H100-80GB-SXM5 x2",
    "nodes": (4, 40),
    "policies": ["buddy"],
}
plan = gs.Planner(DAYS, **question).run()
plan

# %% [markdown]
# "Settled" says: this size meets the target, one node less does not, and the chance that the runs
# say so although it is false is at most 5 %. Where days differ too much for the seeds that may be
# spent, the answer is a range, `lowest_nodes` to `highest_nodes`.

# %%
print(plan)

# %% [markdown]
# ## What was tried
#
# Few sizes get many days: only those near the boundary have to be told apart.

# %%
tried = plan.candidates.to_pandas().sort_values("nodes")
figure, ax = plt.subplots()
ax.errorbar(
    tried["nodes"],
    tried["wait_p99"] / 60,
    yerr=tried["wait_p99_half_width"] / 60,
    fmt="o",
    capsize=3,
)
ax.axhline(90, linestyle="--", color="gray")
ax.axvline(plan.nodes, linestyle=":", color="gray")
ax.set_yscale("symlog", linthresh=10)
ax.set(xlabel="nodes", ylabel="p99 of the waiting time, minutes", ylim=(0, None))
ax.xaxis.set_major_locator(MaxNLocator(integer=True))
ax.yaxis.set_major_formatter("{x:.0f}")
tried[["nodes", "gpus", "seeds", "meets", "decided"]]

# %% [markdown]
# Beyond the answer more nodes buy less and less. The frontier has the sizes that no other one beats
# in both cost and waiting:

# %%
frontier = plan.frontier.to_pandas()
frontier[["nodes", "gpus", "wait_p99", "gpu_allocation", "seeds"]]

# %% [markdown]
# ## Does it hold?
#
# Days that the planner has not seen:

# %%
fresh = gs.sweep(
    {
        "cluster": [plan.cluster, f"{plan.nodes - 1}xH100-80GB-SXM5:2"],
        "trace": DAYS,
        "policy": plan.policy,
        "seed": list(range(5000, 5040)),
    }
)
waits = fresh["wait_s_p99"].reshape(2, -1) / 60
for cluster, days in zip((plan.cluster, "one node less"), waits, strict=True):
    error = 1.96 * days.std(ddof=1) / np.sqrt(days.size)
    print(f"{cluster}: {days.mean():.1f} +- {error:.1f} minutes over {days.size} new days")

# %% [markdown]
# ## If there were 30 % more of it
#
# `scale` copies jobs at random: a day with 1.3 times the load. Here days differ too much for the
# 100 of them that each size may have by default: the answer is a range. More days narrow it.

# %%
grown = gs.Planner(DAYS, **question, scale=1.3).run()
longer = gs.Planner(DAYS, **question, scale=1.3, seeds=500).run()
for answer in (grown, longer):
    print(answer.lowest_nodes, "to", answer.highest_nodes, "nodes:", repr(answer))

# %% [markdown]
# ## Which GPUs are cheapest for it?
#
# With prices the answer is the cheapest cluster. These are made up; put yours.

# %%
choice = gs.Planner(
    DAYS,
    **{**question, "search": ["nodes", "model"], "seeds": 40},
    prices={"H100-80GB-SXM5": 2.95, "A100-80GB": 1.60},
).run()
print(choice)
choice.cost_per_hour
