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
# # MIG or time slicing for my mix?
#
# It depends on the mix: who needs isolation, how much memory, how much slowdown is fine. So:
# describe the jobs, replay them under each way of sharing, and count the work that ran within what
# it was promised.

# %%
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import libgpusched as gs

# %% [markdown]
# ## The mix
#
# Three kinds of jobs, from your own measurements on a whole GPU
# ([how with DCGM](../../docs/formats/job-profile.md)): `engine_active` says how much of the time a
# kernel runs while the job works, `memory_peak_mib` what it needs. The numbers here are examples.

# %%
chat = gs.job_profile(
    name="chat", kind="service", gpu_model="A100-80GB", memory_peak_mib=9000,
    engine_active={"mean": 0.8}, sm_active={"mean": 0.5}, dram_active={"mean": 0.4},
    request_load={"mean": 0.15, "p95": 0.27}, service_time_ms=40.0,
)  # fmt: skip
notebook = gs.job_profile(
    name="notebook", kind="closed", gpu_model="A100-80GB", memory_peak_mib=7000,
    engine_active={"mean": 0.7}, dram_active={"mean": 0.3}, duty_cycle=0.1,
)  # fmt: skip
tune = gs.job_profile(
    name="tune", kind="closed", gpu_model="A100-80GB", memory_peak_mib=17000,
    engine_active={"mean": 0.95}, dram_active={"mean": 0.6},
)  # fmt: skip


def jobs_of(kind, rng, count, hours, minutes, **columns):
    """So many jobs at random over the hours, with lognormal durations around the median."""
    return pd.DataFrame(
        {
            "submit_s": rng.uniform(0, 3600 * hours, count).round(),
            "duration_s": (60 * minutes * rng.lognormal(sigma=0.7, size=count)).round(),
            "num_gpu": 1,
            "kind": kind,
            **columns,
        }
    )


def mix_of(seed, services, notebooks, tunings, isolation="none"):
    """Jobs of half a day; ``isolation`` is what services ask for."""
    rng = np.random.default_rng(seed)
    parts = [
        jobs_of("service", rng, services, 12, 300, job_profile="chat", gpu_memory_mib=9000,
                max_slowdown=2.0, isolation=isolation, **{"class": "always_on"}),
        jobs_of("session", rng, notebooks, 12, 150, job_profile="notebook", gpu_memory_mib=7000,
                max_slowdown=3.0, **{"class": "dev"}),
        jobs_of("batch", rng, tunings, 12, 60, job_profile="tune", gpu_memory_mib=17000,
                max_slowdown=4.0, **{"class": "batch"}),
    ]  # fmt: skip
    return pd.concat(parts)


mix_of(1, services=60, notebooks=160, tunings=80).groupby("job_profile")["duration_s"].describe()

# %% [markdown]
# Profiles travel with the trace: a folder with the jobs and the profiles, as
# [GTF](../../docs/formats/gtf.md) has it.


# %%
def as_trace(frame):
    with tempfile.TemporaryDirectory() as folder:
        gs.Trace.from_dataframe(frame).write(folder)
        profiles = [
            json.loads(profile.to_json())["profiles"][0] for profile in (chat, notebook, tune)
        ]
        content = json.dumps({"version": 1, "profiles": profiles})
        (Path(folder) / "profiles.json").write_text(content)
        return gs.Trace.from_file(folder)


as_trace(mix_of(1, services=60, notebooks=160, tunings=80))

# %% [markdown]
# ## Replay
#
# One node of eight A100, half a day. `mig_dynamic` makes the smallest instance that will do;
# `time_slice` puts up to 4 (or 8) jobs on a GPU; both give a whole GPU to whom they cannot serve,
# such as, for time slicing, a service that asks for isolation. `auto` chooses for each job, and
# keeps a class that got its share waiting while another class has got less; with `class_lead=1` it
# does not.
#
# **Goodput** counts only work within what the job tolerates (`max_slowdown`), in GPUs per GPU,
# from the fifth hour on, when the node has filled.

# %%
POLICIES = [
    "all_whole",
    "mig_dynamic",
    "time_slice:replicas=4",
    "time_slice:replicas=8",
    "auto",
    "auto:class_lead=1",
]


def replay(**mix):
    rows = []
    for seed in range(1, 7):
        trace = as_trace(mix_of(seed, **mix))
        for policy in POLICIES:
            run = gs.Simulator("1xA100-80GB:8", trace, policy=policy, preemption=False).run()
            measured = run.summary["execution"]
            numbers = {k: v for k, v in measured.items() if isinstance(v, (int, float))}
            rows.append({"policy": policy, "seed": seed, **numbers})
    return pd.DataFrame(rows)


# %% [markdown]
# ### Mostly notebooks
#
# They work a tenth of the time. Time slicing lets eight of them take turns on a GPU; MIG
# cuts it into seven pieces of which each idles as much as its owner, and those are slower. The few
# services do better under `auto`, and the many notebooks pay for it: here the goodput is in not
# keeping them waiting.

# %%
notebooks = replay(services=10, notebooks=400, tunings=0)
gs.plot.comparison(notebooks, measure="goodput")

# %% [markdown]
# ### Mostly services that ask for isolation
#
# Time slicing has none to give, so each of these services takes a whole GPU. MIG gives it a slice.

# %%
services = replay(services=100, notebooks=40, tunings=20, isolation="memory")
gs.plot.comparison(services, measure="goodput")

# %% [markdown]
# ### Everything at once
#
# Eight to a GPU is now too many: training works all the time, and everybody's promise breaks.
# The goodput falls although the fewest are turned away.

# %%
everything = replay(services=60, notebooks=160, tunings=80)
gs.plot.comparison(everything, measure="goodput")

# %%
everything.groupby("policy")[["goodput", "slo_attainment", "unserved"]].mean().round(2)

# %% [markdown]
# ## So
#
# The same two modes win and lose by factors, depending on the mix and on one number (`replicas`).
# Put in your own jobs, and look at `auto` as well: it is not always first, but it does not have to
# be told. How far the slowdown models behind this can be trusted:
# [slowdown](../../docs/models/slowdown.md).
