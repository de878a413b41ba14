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
import json
import tempfile
from collections import defaultdict
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
# it ran. Three tables, as [GTF](../../docs/formats/gtf.md) has them. The pods of one decision are
# a gang: they start together or not at all.


# %%
def word(value):
    """As GTF's columns have sets and maps: a|b, k=v|k=w."""
    if isinstance(value, dict):
        return "|".join(f"{key}={item}" for key, item in value.items())
    if isinstance(value, bool):
        return int(value)
    return "|".join(value) if isinstance(value, list) else value


def trace_of(log, folder):
    nodes, events, requests, pods = [], [], {}, {}
    gang_of, started, ran_ns = {}, {}, defaultdict(int)
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        kind, pod = entry["type"], entry.get("pod")
        if kind == "node_added":
            node = {name: word(entry.get(name)) for name in ("cpu_milli", "memory_mib", "labels")}
            node |= {"id": entry["node"], "num_gpu": len(entry["gpus"])}
            if entry["gpus"]:
                node["gpu_model"] = entry["gpus"][0]["model"]
            if entry["sharing"] != "any":
                node |= {"sharing": entry["sharing"], "replicas": entry.get("replicas")}
            nodes.append(node)
        elif kind == "health_changed":
            event = {"ready": "up", "down": "down", "draining": "drain"}[entry["health"]]
            events.append((entry["t"] / 1e9, "node", entry["node"], event))
        elif kind == "request":
            requests[entry["id"]] = {name: word(v) for name, v in entry["request"].items()}
        elif kind == "pod_submitted":
            job = {"id": pod, "kind": "pod", "submit_s": entry["t"] / 1e9}
            pods.setdefault(pod, job | requests[entry["request"]])
        elif kind == "decision" and len(entry["pods"]) > 1:
            gang_of |= dict.fromkeys(entry["pods"], entry["pods"][0])
        elif kind == "pod_started":
            started[pod] = entry["t"]
        elif kind in ("pod_finished", "pod_evicted") and pod in started:
            ran_ns[pod] = entry["t"] - started.pop(pod)
    jobs = pd.DataFrame(pods.values())
    jobs["duration_s"] = [ran_ns[i] / 1e9 if i not in started else None for i in jobs["id"]]
    jobs["gang_id"] = jobs["id"].map(gang_of)
    never = (jobs["duration_s"] == 0).sum()
    jobs = jobs[jobs["duration_s"] != 0]
    # convert_dtypes: whole numbers stay whole where some are missing.
    jobs.convert_dtypes().to_csv(folder / "jobs.csv", index=False)
    pd.DataFrame(nodes).convert_dtypes().to_csv(folder / "nodes.csv", index=False)
    names = ["time_s", "target", "target_id", "event"]
    pd.DataFrame(events, columns=names).to_csv(folder / "events.csv", index=False)
    return gs.Trace.from_file(folder), never


trace, never = trace_of(log, folder)
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
nodes = pd.read_csv(folder / "nodes.csv")


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
