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
# # Write your own policy
#
# A policy is a class with a method `score`: it gets the nodes that take a request and returns a
# cost for each, or for each of their GPUs. The smallest cost wins.

# %%
import numpy as np

import libgpusched as gs

TRACE = "generate:openb-like:jobs=1500,nodes=60,load=1.3"
pods = gs.Trace.generate("openb-like", seed=1, jobs=1500, nodes=60, load=1.3)
pods, pods.cluster

# %% [markdown]
# Pods that want a share of a GPU, one GPU, or eight. When shares are scattered, the pod of eight
# finds no node. An idea: **keep idle GPUs idle**. A share goes to a GPU that is in use already, and
# among these to the one that it fills best.


# %%
class KeepIdle(gs.Policy):
    """GPUs in use first, the fullest of them; idle ones last."""

    def score(self, view):
        left = view.gpu_free_milli - view.request.gpu_milli
        idle = view.gpu_free_milli == 1000
        return np.where(idle, 10_000, left).astype(float)


gs.Simulator(None, pods, policy=KeepIdle(), queue="reject").run()

# %% [markdown]
# The view holds arrays of shape (nodes, GPUs). Columns behind a node's last GPU are -1; what does
# not fit is never chosen, so there is nothing to mask.
#
# Is it any good? A policy in Python is an argument like any other:

# %%
table = gs.sweep(
    {
        "trace": TRACE,
        "policy": ["random", "worst_fit", "best_fit", "fgd", KeepIdle()],
        "queue": "reject",
        "seed": range(1, 7),
    }
)
gs.plot.comparison(table, measure="acceptance_by_size")

# %% [markdown]
# Better than spreading. But `KeepIdle` does not mind opening a node whose eight GPUs are all
# idle. One more term:


# %%
class KeepIdleNodes(KeepIdle):
    """As KeepIdle; idle GPUs of nodes that are in use before those of idle nodes."""

    def score(self, view):
        free = np.maximum(view.gpu_free_milli, 0)
        gpus = (view.gpu_free_milli >= 0).sum(axis=1)
        idle_share = (free == 1000).sum(axis=1) / np.maximum(gpus, 1)
        return super().score(view) + 5_000 * idle_share[:, np.newaxis]


mine = [KeepIdle(), KeepIdleNodes()]
table = gs.sweep(
    {
        "trace": TRACE,
        "policy": ["best_fit", "fgd", *mine],
        "queue": "reject",
        "seed": range(1, 7),
    }
)
by_seed = table.to_pandas().pivot(index="seed", columns="policy", values="acceptance_by_size")
gained = 100 * by_seed.sub(by_seed["best_fit"], axis=0)
gained.describe().loc[["mean", "min", "max"]].round(2)

# %% [markdown]
# Points gained over `best_fit`, seed by seed. All policies met the same pods, so the difference
# of a seed tells more than two intervals that overlap: much of their width is the pods' luck, not
# the policy's.

# %% [markdown]
# ## Look at single decisions
#
# With `decisions=True` every decision is kept, with its cost and the runner-up's.

# %%
run = gs.Simulator(None, pods, policy=KeepIdleNodes(), queue="reject", decisions=True).run()
decisions = run.decisions.to_pandas()
decisions[["pod", "outcome", "node", "gpus", "cost", "runner_up", "runner_up_cost"]].head()

# %%
decisions["reason"].value_counts()

# %% [markdown]
# The reason that held for most nodes when a pod was refused: mostly CPU, not GPUs. `score` sees
# that as well: `view.cpu_free_milli`, by node.

# %% [markdown]
# Scores are kept until a node changes, so `score` must depend on the view alone. A policy that
# learns sets `rescore_on_arrival = True` and pays for it in time.
