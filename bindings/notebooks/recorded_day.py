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
# # What if? A recorded day again
#
# The simulator and the extender write an [event log](../../docs/formats/event-log.md): every
# request, decision, start and end. Such a log says what was asked for and how long it ran, so the
# same day can be replayed under another policy, or with other nodes.

# %%
import tempfile
from pathlib import Path

import pandas as pd

import libgpusched as gs

folder = Path(tempfile.mkdtemp())

# %% [markdown]
# ## The record
#
# Put the path of your own log here. This one is written by the simulator: a day of a shared cluster
# of eight nodes with services, training, notebooks and failures, under `first_fit`.

# %%
log = folder / "production.jsonl"
day = gs.Trace.generate("mixed-day", seed=3)
recorded = gs.Simulator(None, day, policy="first_fit", event_log=log).run()
recorded, log.stat().st_size

# %% [markdown]
# ## From log to trace
#
# Only what was observed is used: not the policy's decisions, but what was submitted and how long
# it ran. The pods of one decision are a gang: they start together or not at all.

# %%
trace = gs.Trace.from_event_log(log)
never = trace.metadata["pods_that_never_ran"]
print(f"{trace}; {never} pods never ran and are left out; {trace.report}")

# %% [markdown]
# ## Is it the same day?
#
# Replayed under the policy that was on duty, the trace must give what was recorded:

# %%
again = gs.Simulator(None, trace, policy="first_fit").run()
ax = gs.plot.utilisation({"recorded": recorded, "replayed from the log": again})
ax.lines[1].set_linestyle("--")  # they lie on each other
recorded.summary["gpu_allocation"], again.summary["gpu_allocation"]

# %% [markdown]
# ## What if another policy had been on duty?

# %%
policies = ["first_fit", "best_fit", "fgd", "placeable_online"]
runs = {policy: gs.Simulator(None, trace, policy=policy).run() for policy in policies}
ax = gs.plot.waiting(runs)
ax.set_ylim(70, 101)
ax

# %%
figures = ["fragment_gpus", "active_gpus", "preemptions", "evictions"]
pd.DataFrame(
    {
        policy: {
            "waited, p95 (min)": run.summary["wait_s"]["p95"] / 60,
            "waited, mean (min)": run.summary["wait_s"]["mean"] / 60,
            **{name: run.summary[name] for name in figures},
        }
        for policy, run in runs.items()
    }
).T.round(1)

# %% [markdown]
# One day is one draw: before a policy is changed for this, replay more days.
#
# ## What if there had been one node more?
#
# One of each kind. The mean allocation does not say which one is missed most, for the kinds
# differ in what may run there; the waiting time does.

# %%
nodes = trace.cluster.nodes.to_pandas().astype({"gpu_model": object, "sharing": object})
nodes = nodes.dropna(axis="columns", how="all")


def with_nodes(frame):
    cluster = gs.Cluster.from_nodes(frame.to_dict("records"))
    run = gs.Simulator(cluster, trace, policy="first_fit").run()
    return {
        "GPUs": run.num_gpus,
        "waited, mean (min)": run.summary["wait_s"]["mean"] / 60,
        "allocated (%)": 100 * run.summary["gpu_allocation"],
    }


cases = {"as it was": with_nodes(nodes)}
for (model, sharing), group in nodes.groupby(["gpu_model", nodes["sharing"].fillna("any")]):
    more = group.tail(1).assign(id="one-more")
    cases[f"{model} ({sharing}), one more"] = with_nodes(pd.concat([nodes, more]))
pd.DataFrame(cases).T.round(1)

# %% [markdown]
# What a log cannot know: how long the pods would have run that never started, or that were still
# running at the end (they stay); whether users would have come back later. And pods that shared
# a GPU ran as fast as they did beside *those* neighbours: without
# [job profiles](../../docs/formats/job-profile.md) a replay takes the recorded time as it is.
