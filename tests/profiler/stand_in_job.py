#!/usr/bin/env -S python3 -SE
"""Speaks the protocol of gpusched-suite-job and computes what it reports from a known law instead of running anything.

Its numbers are no measurements. Processes find each other in the folder STAND_IN_DIR; STAND_IN_LAW is one of the laws
below; STAND_IN_FAULT is JOB:FAULT, one of crash, hang, garbage, wrong, silent.
"""

import json
import os
import sys
import time

# The constants that an analysis has to find.
SWITCH_TAX = 0.17
BANDWIDTH_WEIGHT = 0.30
LATENCY_WEIGHT = 0.80
LATENCY_EXPONENT = 0.90
TIME_SLICE_MS = 2.0
PEAK = 3.0e12
SMS = 132

# job -> item alone ms, u, m
JOBS = {
    "gemm-bf16-large": (0.50, 0.99, 0.10),
    "gemm-bf16-small": (0.20, 0.85, 0.02),
    "gemm-fp32": (0.60, 0.98, 0.05),
    "stream": (0.30, 0.99, 0.92),
    "decode-1": (0.25, 0.95, 0.80),
    "decode-8": (0.35, 0.96, 0.75),
    "decode-64": (0.90, 0.97, 0.60),
    "prefill": (3.00, 0.99, 0.15),
    "conv": (0.70, 0.98, 0.20),
    "launches": (0.60, 0.60, 0.00),
    "gemm-fp32-long": (15.0, 1.0, 0.05),
    "cublas-bf16": (0.30, 0.99, 0.15),
    "cublas-fp32": (0.40, 0.99, 0.08),
    "holder": (0.05, 0.01, 0.00),
    "idle": (1.0, 0.0, 0.0),
}


def option(name, default):
    words = sys.argv[1:]
    return type(default)(words[words.index(name) + 1]) if name in words else default


def say(**fields):
    print(json.dumps(fields), flush=True)


def slowdown(me, others, sms):
    """Time per item, or response of a request, against alone on the whole GPU. Each tenant is (name, load)."""
    name, load = me
    item_ms, u, m = JOBS[name]
    if sms:
        c = sms / SMS
        return max(1.0, (1 - u) + LATENCY_WEIGHT * max(0.0, u - m) / c**LATENCY_EXPONENT + m)
    if os.environ.get("STAND_IN_LAW") == "wrong":
        return (1 + len(others)) ** 1.6 * (1 + m)
    busy = sum(JOBS[o][1] for o, l in others if not l) + (0 if load else u)
    rho = sum(l for _, l in others) + load
    tax = 1 + SWITCH_TAX * min(1.0, max(0.0, (busy + rho - 0.8) / 0.2)) if others else 1.0
    bandwidth = 1 + BANDWIDTH_WEIGHT * m * sum(JOBS[o][2] * (l or 1) for o, l in others)
    left = 1 - tax * rho
    if not load:
        return bandwidth * max(1.0, tax * busy / left) if others else 1.0
    waiting = TIME_SLICE_MS * (busy + rho - load) / (4 * item_ms)
    return tax * bandwidth * (1 + busy) / left + waiting


def main():
    device = {"gpu": "NVIDIA H100 80GB HBM3", "uuid": "stand-in", "compute_capability": "9.0", "cuda_driver": 13000,
              "cuda_runtime": 13000, "total_mib": 81000, "memory_bytes_per_s": PEAK, "device_sms": SMS, "l2_mib": 50}
    if os.environ.get("STAND_IN_FAULT") == "no_gpu":
        print("gpusched-suite-job: no GPU: there is none", file=sys.stderr)
        return 1
    if "--device" in sys.argv:
        say(event="device", cublas="13.0.2", **device)
        return 0
    name, load, sms = sys.argv[1], option("--load", 1.0), option("--sms", 0)
    load = 0.0 if load == 1 else load
    item_ms, u, m = JOBS[name]
    folder = os.environ["STAND_IN_DIR"]
    fault_job, _, fault = os.environ.get("STAND_IN_FAULT", "").partition(":")
    fault = fault if fault_job == name else ""
    neighbours_before = len(os.listdir(folder))
    mine = os.path.join(folder, str(os.getpid()))
    with open(mine + ".tmp", "w", encoding="utf-8") as file:
        json.dump([name, load], file)
    os.rename(mine + ".tmp", mine)
    try:
        if fault == "silent":
            time.sleep(3600)
        say(event="ready", **device, job=name, load=load, mean_items=4, item_ms=item_ms if load else 0,
            sms=sms or SMS, sms_seen=sms or SMS, part="green_context" if sms else "whole", footprint_mib=1000,
            flops_per_item=1e9, bytes_per_item=m * PEAK * item_ms / 1000, free_mib=80000 - 500 * neighbours_before)
        if not sys.stdin.readline():
            return 1
        # Everybody is ready before anybody is let go.
        others = []
        for entry in sorted(os.listdir(folder)):
            if entry.isdigit() and entry != str(os.getpid()):
                with open(os.path.join(folder, entry), encoding="utf-8") as file:
                    others.append(json.load(file))
        if fault == "crash":
            os.abort()
        if fault == "hang":
            time.sleep(3600)
        if fault == "garbage":
            print("\x1b[2J{\"event\": \"result\", ", flush=True)
        time.sleep(option("--seconds", 1.0) * float(os.environ.get("STAND_IN_PACE", "0.01")))
        slow = slowdown((name, load), others, sms)
        seconds = option("--seconds", 1.0)
        if load:
            rate, latency = load / item_ms * 1000, slow * 4 * item_ms
        else:
            rate, latency = 1000 / (item_ms * slow), item_ms * slow
        say(event="result", job=name, seconds=seconds, items=rate * seconds, items_per_s=rate,
            requests=rate * seconds / 4 if load else 0, backlog=0, load=load, device_busy=u,
            latency_ms_mean=latency, latency_ms_p50=latency, latency_ms_p90=latency * 1.2, latency_ms_p95=latency * 1.3,
            latency_ms_p99=latency * 1.5, latency_ms_max=latency * 2, check="failed" if fault == "wrong" else "ok",
            check_compared=64, check_wrong=1 if fault == "wrong" else 0,
            **({"check_first_wrong": "element 3: 1 instead of 2"} if fault == "wrong" else {}))
        # The others look who is there before anybody leaves.
        time.sleep(0.02)
        return 1 if fault == "wrong" else 0
    finally:
        os.unlink(mine)


if __name__ == "__main__":
    sys.exit(main())
