#!/usr/bin/env python3
"""Checks the habits of gpusched-sim: exit codes, messages that name the value and the remedy, - for stdin and stdout.

    command_line.py PROGRAM SOURCE_DIR
"""

import os
import subprocess
import sys
import tempfile

PLAN = ["plan", "--trace", "generate:mig-mix:gpus=8,jobs=200", "--cluster", "H100-80GB-SXM5 x2", "--nodes", "1..16", "--seeds", "8"]

# Arguments -> exit code (0 ok, 1 failed, 2 usage) and words that standard error must hold.
CASES = [
    (["--version"], 0, []),
    (["run", "--help"], 0, []),
    (["run", "--trace", "traces/tiny", "--policy", "best_fit"], 0, []),
    (["run", "--trace", "traces/tiny", "--policy", "nope"], 2, ["nope", "placeable_online"]),
    (["run", "--trace", "traces/tiny", "--policy", "fgd:zz=1"], 2, ["zz", "resolution"]),
    (["compare", "--trace", "traces/tiny", "--policy", "fgd,nope"], 2, ["nope", "placeable_online"]),
    (["run", "--trace", "traces/tiny", "--queue", "nope"], 2, ["nope", "backfill"]),
    (["run", "--trace", "no-such-file"], 1, ["no-such-file"]),
    (["run", "--trace", "nope:traces/tiny"], 1, ["nope", "gtf-jsonl"]),
    (["run"], 1, ["--trace"]),
    (["explain", "--help"], 0, []),
    (["explain", "--trace", "traces/tiny", "--policy", "buddy", "--at", "0", "--mig-profile", "2g.20gb"], 0, []),
    (["explain", "--trace", "traces/tiny", "--job", "whole-1", "--format", "json"], 0, []),
    (["explain", "--trace", "traces/tiny", "--job", "nope"], 1, ["'nope'", "whole-1"]),
    (["explain", "--trace", "traces/tiny"], 1, ["--job", "--at"]),
    (["explain", "--trace", "traces/tiny", "--at", "0", "--isolation", "x"], 2, ["fault"]),
    (["explain", "--trace", "traces/tiny", "--at", "0", "--memory", "much"], 1, ["--memory", "much", "12Gi"]),
    (["explain", "--trace", "traces/tiny", "--at", "0", "--profile", "x"], 1, ["'x'"]),
    (["explain", "--trace", "traces/tiny", "--at", "0", "--gpu-model", "x"], 1, ['"x"', "A100-80GB"]),
    (["explain", "--trace", "traces/tiny", "--at", "0", "--mode", "mps", "--isolation", "fault"], 1, ["isolation fault"]),
    (["list", "slowdown"], 0, []),
    (["fit", "--data", "no-such-file", "--model", "time-slice"], 1, ["no-such-file"]),
    (["fit", "--data", "tests/fuzz/corpus/measurements_fuzz/own.csv", "--model", "nope"], 2, ["nope", "slice-training"]),
    (["fit", "--data", "tests/fuzz/corpus/measurements_fuzz/own.csv", "--model", "mps"], 0, ["11 measurements"]),
    (["fit", "--data", "tests/fuzz/corpus/measurements_fuzz/miso.csv", "--model", "mps"], 1, ["no measurements", "mps rows"]),
    (["fit", "--model", "mps"], 2, ["--data"]),
    (["reshape", "--model", "A100-80GB", "--layout", "1g@0,1g@1,1g@5", "--need", "3g"], 0, []),
    (["reshape", "--model", "A100-80GB", "--layout", "1g@0", "--target", "1g@6", "--format", "json"], 0, []),
    (["reshape", "--model", "A100-80GB", "--layout", "1g@0", "--need", "4g", "--actuation", "drain-gpu", "--format", "mig-parted"], 0, []),
    (["reshape", "--model", "A100-80GB", "--layout", "1g@0", "--need", "4g", "--format", "mig-parted"], 1, ["drain-gpu"]),
    (["reshape", "--model", "A100-80GB", "--layout", "1g@0", "--pinned", "1g@0", "--need", "4g"], 1, ["pinned"]),
    (["reshape", "--model", "A100-80GB", "--layout", "3g@1", "--need", "1g"], 1, ["3g@1", "Legal starts: 0, 4"]),
    (["reshape", "--model", "A100-80GB", "--layout", "3g@0,1g@2", "--need", "1g"], 1, ["overlaps"]),
    (["reshape", "--model", "A100-80GB", "--need", "5g"], 1, ["5g", "7g.80gb"]),
    (["reshape", "--model", "nope", "--need", "1g"], 2, ["nope", "A100-80GB"]),
    (["reshape", "--model", "T4", "--need", "1g"], 1, ["T4"]),
    (["reshape", "--model", "A100-80GB", "--layout", "1g@0"], 2, ["--need"]),
    (["exact", "--generate", "0,gpus=2,jobs=6", "--policy", "buddy"], 0, []),
    (["exact", "--generate", "0,gpus=2,jobs=6", "--lp", "-", "--solver", "none"], 0, []),
    (["exact", "--trace", "generate:mig-mix:gpus=2,jobs=30,load=1.2", "--at", "3000", "--json"], 0, []),
    (["exact", "--trace", "generate:mig-mix:gpus=2,jobs=30,load=1.2", "--acceptance"], 0, []),
    (["exact", "--trace", "generate:mode-mix:mix=dev", "--at", "3600", "--policy", "auto"], 1, ["job-", "mode open"]),
    (["exact", "--trace", "generate:mig-mix:gpus=2,jobs=30", "--at", "0", "--solver", "cbc"], 0, []),
    (["exact", "--generate", "0,gpus=1"], 1, ["gpus=1", "at least 2"]),
    (["exact", "--generate", "0", "--solver", "nope"], 2, ["nope", "cbc"]),
    (["exact"], 1, ["--generate"]),
    (["report"], 2, ["directory"]),
    (["report", "results", "--nope"], 2, ["--nope"]),
    (["plan", "--help"], 0, []),
    ([*PLAN, "--slo", "wait_p95<1h"], 0, []),
    ([*PLAN, "--slo", "wait_p95<1h", "--json", "--scale", "1.3"], 0, []),
    ([*PLAN, "--slo", "wait_p95<1h", "--search", "nodes,policy", "--policy", "buddy,mfi"], 0, []),
    ([*PLAN, "--slo", "wait_p95<1h", "--search", "nodes,model", "--price", "H100-80GB-SXM5=3,H200-141GB=4"], 0, []),
    ([*PLAN, "--slo", "wait_p95<1ms", "--nodes", "1..2"], 1, ["1 to 2 nodes", "instead of wait_p95<0.001s", "upper end of nodes"]),
    ([*PLAN, "--slo", "nope<1h"], 2, ["'nope'", "wait_p99"]),
    ([*PLAN, "--slo", "wait_p95=1h"], 2, ["column 9", "wait_p99<60s"]),
    ([*PLAN, "--slo", "wait_p95<1h", "--nodes", "9..4"], 1, ["9..4", "LO..HI"]),
    ([*PLAN, "--slo", "wait_p95<1h", "--nodes", "few"], 1, ["few", "LO..HI"]),
    ([*PLAN, "--slo", "wait_p95<1h", "--cluster", "16xH100-80GB-SXM5:8"], 1, ["16xH100", "how many nodes"]),
    ([*PLAN, "--slo", "wait_p95<1h", "--cluster", "nope x8"], 1, ["nope", "A100-80GB"]),
    ([*PLAN, "--slo", "wait_p95<1h", "--policy", "buddy,mfi"], 1, ["Search nodes,policy"]),
    ([*PLAN, "--slo", "wait_p95<1h", "--search", "model,nodes"], 1, ["prices of GPU models"]),
    ([*PLAN, "--slo", "wait_p95<1h", "--search", "policy"], 1, ["number of nodes"]),
    ([*PLAN, "--slo", "wait_p95<1h", "--price", "H100-80GB-SXM5=0"], 1, ["H100-80GB-SXM5=0"]),
    (["plan"], 2, ["--slo"]),
    ([], 2, []),
]


def run(program, folder, arguments, text=None, path=os.environ["PATH"]):
    environment = {**os.environ, "PATH": path}
    return subprocess.run([program, *arguments], cwd=folder, input=text, env=environment, capture_output=True, text=True, timeout=120)


def check_report(program, folder):
    """A run, its report to a file and to stdout; a program built without the page says how to get it."""
    with tempfile.TemporaryDirectory() as place:
        run(program, folder, ["run", "--trace", "traces/tiny", "--policy", "best_fit", "--out", f"{place}/results"])
        made = run(program, folder, ["report", f"{place}/results", "-o", f"{place}/page.html"])
        if "tools/setup report" in made.stderr:
            print("built without the report page")
            return [] if made.returncode == 1 else [f"report without page: {made.returncode}"]
        printed = run(program, folder, ["report", f"{place}/results", "-o", "-"])
        missing = run(program, folder, ["report", f"{place}/no-such-folder"])
        findings = []
        with open(f"{place}/page.html", encoding="utf-8") as file:
            if made.returncode != 0 or not printed.stdout.startswith("<!DOCTYPE html>") or file.read() != printed.stdout:
                findings.append(f"report: {made.returncode}, {made.stderr}")
        if missing.returncode != 1 or "no-such-folder/summary.json" not in missing.stderr:
            findings.append(f"report of a missing folder: {missing.returncode}, {missing.stderr}")
        return findings


def main():
    program, folder = sys.argv[1:]
    findings = []
    for arguments, code, words in CASES:
        result = run(program, folder, arguments)
        if result.returncode != code:
            findings.append(f"{arguments}: exit code {result.returncode}, expected {code}")
        findings += [f"{arguments}: standard error lacks '{word}'" for word in words if word not in result.stderr]
    made = run(program, folder, ["generate", "tiny", "--out", "-"])
    piped = run(program, folder, ["run", "--trace", "-", "--policy", "best_fit", "--json"], made.stdout)
    if piped.returncode != 0 or '"acceptance"' not in piped.stdout:
        findings.append(f"generate --out - | run --trace -: {piped.returncode}, {piped.stderr}")
    without = run(program, folder, ["exact", "--generate", "0,gpus=2,jobs=6"], path="/nonexistent")
    if without.returncode != 1 or "coinor-cbc" not in without.stderr:
        findings.append(f"exact without a solver on PATH: {without.returncode}, {without.stderr}")
    findings += check_report(program, folder)
    print("\n".join(findings) or f"{len(CASES) + 3} command lines as expected")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
