#!/usr/bin/env python3
"""Checks the habits of gpusched-profile on a machine without a GPU: exit codes, messages that name value and remedy, the
examples of every --help.

    profile_command_line.py PROGRAM SOURCE_DIR
"""

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile

# Arguments -> exit code and words that standard error must hold.
CASES = [
    (["--version"], 0, []),
    (["--help"], 0, []),
    ([], 2, ["subcommand"]),
    (["measure"], 2, ["'measure'", "run, watch, suite, report, import, show"]),
    (["run"], 2, ["run -- COMMAND"]),
    (["run", "--"], 2, ["run -- COMMAND"]),
    (["run", "sleep", "1"], 2, ["sleep"]),
    (["run", "--hz", "0", "--", "true"], 2, ["--hz"]),
    (["run", "--hz", "1000", "--", "true"], 2, ["--hz"]),
    (["run", "--kind", "batch", "--", "true"], 2, ["closed", "service"]),
    (["run", "--request-load", "1.5", "--", "true"], 2, ["--request-load"]),
    (["run", "--out", "no-such-folder/x.json", "--", "touch", "ran"], 1, ["no-such-folder/x.json", "cannot be written"]),
    (["run", "--", "true"], 0, ["no NVIDIA driver here", "libnvidia-ml.so.1", "the command runs all the same"]),
    (["run", "--", "false"], 1, ["no NVIDIA driver here"]),
    (["run", "--", "sh", "-c", "exit 42"], 42, ["no NVIDIA driver here"]),
    (["run", "--", "no-such-program"], 127, ["no-such-program"]),
    (["run", "--", "/"], 126, ["/"]),
    (["run", "--must-measure", "--", "touch", "ran"], 1, ["no NVIDIA driver here"]),
    (["watch"], 2, ["PID"]),
    (["watch", "--", "1"], 2, ["PID"]),
    (["watch", "x"], 2, ["x"]),
    (["watch", "4194304"], 1, ["no process 4194304", "nvidia-smi"]),
    (["watch", str(os.getpid())], 1, ["no NVIDIA driver here"]),
    (["import"], 2, ["FILE"]),
    (["import", "no-such-file"], 1, ["no-such-file"]),
    (["import", "."], 1, ["folder"]),
    (["import", "empty"], 1, ["no counters", "DCGM_FI_PROF_GR_ENGINE_ACTIVE"]),
    (["import", "notes.txt"], 1, ["notes.txt:1", "neither Prometheus text nor a table"]),
    (["import", "day.prom", "--gpu-model", "H9000"], 1, ["H9000"]),
    (["import", "day.prom", "--format", "xml"], 2, ["xml"]),
    (["suite"], 1, ["--out DIR"]),
    (["suite", "--minutes", "soon"], 2, ["'soon'"]),
    (["suite", "--list", "--plan", "no-such-file"], 1, ["no-such-file"]),
    (["suite", "--list", "--plan", "notes.txt"], 1, ["notes.txt:1", "'hello'"]),
    (["report"], 2, ["DIR"]),
    (["report", "no-such-folder"], 1, ["no-such-folder/results.jsonl", "suite --out"]),
    (["show"], 2, ["FILE"]),
    (["show", "no-such-file"], 1, ["no-such-file"]),
    (["show", "notes.txt"], 1, ["notes.txt", "JSON"]),
]

EXAMPLE = re.compile(r"^  (gpusched-profile .*|.*\| gpusched-profile .*)$", re.MULTILINE)


def scrape(engine):
    labels = '{UUID="GPU-1",gpu="0",modelName="NVIDIA H100 80GB HBM3"}'
    values = {"PROF_GR_ENGINE_ACTIVE": engine, "PROF_DRAM_ACTIVE": 0.4, "DEV_FB_USED": 5000}
    return "".join(f"DCGM_FI_{name}{labels} {value}\n" for name, value in values.items())


def suite_lines():
    """Made-up results of two jobs alone and beside each other."""
    yield {"line": "suite", "gpu": "NVIDIA H100 80GB HBM3", "uuid": "made up", "memory_bytes_per_s": 3e12, "device_sms": 132}
    for text, rate in (("alone conv", 1000), ("alone stream", 2000), ("time_slice conv stream", 450)):
        for index, _ in enumerate(text.split()[1:]):
            yield {"line": "job", "id": text, "index": index, "items_per_s": rate, "items": rate, "device_busy": 0.9,
                   "bytes_per_item": 1e8, "footprint_mib": 500}
        yield {"line": "end", "id": text, "status": "ok"}


def write_inputs(folder):
    """What the examples name."""
    os.mkdir(os.path.join(folder, "results"))
    with open(os.path.join(folder, "results", "results.jsonl"), "w", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in suite_lines())
    prom = "".join(scrape(0.9) for _ in range(12))
    head = "#Entity   GRACT        SMACT        TENSO        DRAMA        FBUSD        POWER\nID\n"
    dmon = head + 12 * "GPU 0     0.912        0.456        0.210        0.512        12345        388.120\n"
    table = "timestamp,gpu,modelName,DCGM_FI_PROF_GR_ENGINE_ACTIVE,DCGM_FI_PROF_DRAM_ACTIVE,DCGM_FI_DEV_FB_USED\n"
    table += "".join(f"{second},0,NVIDIA A100-SXM4-80GB,0.7,0.3,9000\n" for second in range(12))
    texts = {"day.prom": prom, "dcgm.prom": prom, "dmon.txt": dmon, "metrics.csv": table, "notes.txt": "hello\n", "empty": "",
             "plan.txt": "alone conv  # the baseline\ntime_slice conv stream\n"}
    for name, text in texts.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    os.mkdir(os.path.join(folder, "no-driver"))
    open(os.path.join(folder, "no-driver", "libnvidia-ml.so.1"), "w", encoding="utf-8").close()
    for name in ("job", "server"):
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\nexit 0\n")
        os.chmod(path, 0o755)
    with open(os.path.join(folder, "train.py"), "w", encoding="utf-8") as file:
        file.write("")


def run(words, folder, shell=False):
    # A machine with a driver plays one without: the file of its name is none.
    environment = {**os.environ, "LD_LIBRARY_PATH": os.path.join(folder, "no-driver")}
    return subprocess.run(words, cwd=folder, env=environment, shell=shell, capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, executable="/bin/bash" if shell else None)


def check_examples(program, folder):
    """Every example as it is typed, on a machine without a GPU: import, report and show work, run runs, watch and suite say what is
    missing."""
    findings, count = [], 0
    commands = re.findall(r"^  ([a-z]+) ", run([program, "--help"], folder).stdout.split("Subcommands:")[1], re.MULTILINE)
    for command in commands:
        text = run([program, command, "--help"], folder).stdout
        examples = EXAMPLE.findall(text)
        if not examples:
            findings.append(f"{command} --help has no examples")
        for example in examples:
            if command == "show" and "traces/profiles" in example:
                continue  # files that a measured machine brings
            count += 1
            line = example.split("   #")[0].replace("gpusched-profile", shlex.quote(program)).replace("4711", "$$")
            result = run(line, folder, shell=True)
            measures = command == "suite" and "--list" not in line
            expected = 1 if command == "watch" or "--must-measure" in line or measures else 0
            # The suite asks its job program, which is not built without CUDA and finds no GPU with it.
            said = "gpusched-suite-job" if measures else "no NVIDIA driver here"
            if result.returncode != expected or (expected == 1 and said not in result.stderr):
                findings.append(f"{example}: exit code {result.returncode}: {result.stderr}")
    return findings, count


def main():
    program, _ = sys.argv[1:]
    program = os.path.abspath(program)
    findings = []
    with tempfile.TemporaryDirectory() as folder:
        write_inputs(folder)
        for arguments, code, words in CASES:
            result = run([program, *arguments], folder)
            if result.returncode != code:
                findings.append(f"{arguments}: exit code {result.returncode}, expected {code}: {result.stderr}")
            findings += [f"{arguments}: lacks '{word}': {result.stderr}" for word in words if word not in result.stderr]
        if os.path.exists(os.path.join(folder, "ran")):
            findings.append("a command ran that must not")
        run([program, "import", "day.prom", "--out", "train.profile.json"], folder)
        found, examples = check_examples(program, folder)
    findings += found
    print("\n".join(findings) or f"{len(CASES)} command lines and {examples} examples as expected")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
