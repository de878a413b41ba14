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
# # Quickstart
#
# A cluster, what arrives at it, and a policy: replay, look, compare. Needs
# `pip install '.[pandas,plot]'`.

# %%
import libgpusched as gs

cluster = gs.Cluster.of("H100-80GB-SXM5", nodes=4, gpus=8)
trace = gs.Trace.generate("mig-mix", seed=1, jobs=2000, gpus=32, load=0.95)
cluster, trace

# %% [markdown]
# The trace asks for MIG instances of six sizes; demand is 95 % of what there is. One replay:

# %%
result = gs.Simulator(cluster, trace, policy="buddy").run()
result

# %% [markdown]
# A result has figures (`result.summary`) and tables. Tables become data frames where that helps:

# %%
jobs = result.jobs.to_pandas()
jobs["waited_s"] = jobs["first_start_s"] - jobs["submit_s"]
jobs[["id", "node", "gpus", "waited_s", "outcome"]].head()

# %% [markdown]
# `gpus` reads `GPU@START+SIZE`: the instance's position on the GPU. How full was it, and
# how long did jobs wait?

# %%
gs.plot.utilisation(result)

# %%
gs.plot.waiting(result)

# %% [markdown]
# ## Is another policy better?
#
# Two policies on one trace differ by luck as well. `sweep` runs several seeds of each; the
# intervals say whether the difference is more than that. The queue `reject` tries each job once.

# %%
table = gs.sweep(
    {
        "cluster": cluster,
        "trace": "generate:mig-mix:jobs=2000,gpus=32,load=0.95",
        "policy": ["buddy", "first_fit", "worst_fit", "random"],
        "queue": "reject",
        "seed": range(1, 9),
    }
)
gs.plot.comparison(table, measure="acceptance_by_size")

# %% [markdown]
# Why does `worst_fit` turn away so much work at the same demand? Stop both at the same moment and
# look: it spreads small instances over all GPUs, and no GPU is left for a large one.

# %%
for policy in ("buddy", "worst_fit"):
    simulator = gs.Simulator(cluster, trace, policy=policy, queue="reject")
    simulator.step(1000)
    gs.plot.partitions(simulator.state).set_title(policy)

# %% [markdown]
# Next: [MIG or time slicing](mig_or_time_slicing.ipynb), [your own policy](own_policy.ipynb),
# [a recorded day](recorded_day.ipynb), [the FGD figures](fgd_figures.ipynb).
