#!/usr/bin/env python3
"""Checks the habits of gpusched-extender: exit codes, messages that name file, key and remedy, every path of its routes on
a snapshot, an end in order on SIGTERM; and that deploy/extender.yaml has every key, docs/extender.md every metric.

    extender_command_line.py PROGRAM SOURCE_DIR
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

SNAPSHOT = "traces/kubectl/mixed-cluster.json"

# Arguments -> exit code (0 ok, 1 failed, 2 usage) and words that standard error must hold.
CASES = [
    (["--version"], 0, []),
    (["--help"], 0, []),
    (["--nope"], 2, ["--nope"]),
    (["--listen", "8888"], 2, ["'8888'", "127.0.0.1:8888"]),
    (["--listen", "127.0.0.1:99999"], 2, ["99999"]),
    (["--candidates", "0"], 2, ["'0'", "all"]),
    (["--candidates", "many"], 2, ["'many'", "all"]),
    (["--log-level", "loud"], 2, ["'loud'", "debug, info, warning, error"]),
    (["--state", "no-such-file", "--leader-elect"], 2, ["snapshot"]),
    (["--state", "no-such-file"], 1, ["no-such-file", "kubectl get nodes,pods -A -o json"]),
    (["--state", "README.md", "--listen", "127.0.0.1:0"], 1, ["README.md", "JSON"]),
    (["--kubeconfig", "no-such-file"], 1, ["no-such-file"]),
    (["--state", SNAPSHOT, "--listen", "127.0.0.1:0", "--event-log", "no-such-folder"], 1, ["no-such-folder"]),
]

# Configuration files -> words of the message. All end with 2.
CONFIGS = [
    ("nope: 1\n", ["{file}", "'nope'", "candidates", "leaderElection.enabled"]),
    ("bindThreads: 0\n", ["{file}", "'bindThreads'", "'0'", "256"]),
    ("tls:\n  nope: x\n", ["{file}", "'tls.nope'", "tls.certFile"]),
    ("tls:\n  certFile: x\n", ["certificate and its key"]),
    ("tls:\n  clientCAFile: x\n", ["tls.certFile"]),
    ("leaderElection:\n  enabled: maybe\n", ["{file}", "'leaderElection.enabled'", "'maybe'"]),
    ("policy: nope\n", ["policy", "'nope'", "placeable_online"]),
    ("policy: fgd:zz=1\n", ["policy", "zz", "resolution"]),
    ("candidates: [1]\n", ["{file}", "'candidates'"]),
    ("listen: [\n", ["{file}"]),
    ("- x\n", ["{file}"]),
]


def run(program, folder, arguments):
    # Without these it does not take itself for a pod of a cluster.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("KUBERNETES_")}
    return subprocess.run([program, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


def compare(what, result, code, words):
    findings = [] if result.returncode == code else [f"{what}: exit code {result.returncode}, expected {code}: {result.stderr}"]
    return findings + [f"{what}: standard error lacks '{word}': {result.stderr}" for word in words if word not in result.stderr]


class Server:
    """The program on a snapshot and a free port."""

    def __init__(self, program, folder, *arguments):
        self.process = subprocess.Popen([program, "--listen", "127.0.0.1:0", *arguments], cwd=folder, stderr=subprocess.PIPE, text=True)
        self.url = None
        for line in self.process.stderr:
            entry = json.loads(line)  # every line of the log is JSON
            if entry["msg"] == "listening":
                self.url = "http://127.0.0.1:" + entry["port"]
                return
        raise RuntimeError(f"it ended with {self.process.wait()}")

    def ask(self, method, path, body=None):
        request = urllib.request.Request(self.url + path, body, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=20) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as reply:
            return reply.code, reply.read().decode()

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.stderr.read()
        return self.process.wait(timeout=20)


def calls(text):
    """Method, path, body, status and words of the answer; in this order, on the snapshot as it begins."""
    items = json.loads(text)["items"]
    nodes = [item["metadata"]["name"] for item in items if item["kind"] == "Node"]
    pods = {item["metadata"]["name"]: item for item in items if item["kind"] == "Pod"}

    def args(name):
        return json.dumps({"Pod": pods[name], "NodeNames": nodes}).encode()

    def binding(name, node):
        meta = pods[name]["metadata"]
        return json.dumps({"PodName": name, "PodNamespace": "default", "PodUID": meta["uid"], "Node": node}).encode()

    victims = {"gpu-whole": {"Pods": [{"UID": pods["train-0"]["metadata"]["uid"]}], "NumPDBViolations": 0}}
    preempt = json.dumps({"Pod": pods["train-2"], "NodeNameToMetaVictims": victims}).encode()
    return [
        ("GET", "/healthz", None, 200, ["ok"]),
        ("GET", "/livez", None, 200, ["ok"]),
        ("GET", "/readyz", None, 200, ["ok"]),
        ("GET", "/version", None, 200, ['"version"', '"commit"']),
        ("GET", "/v1/state", None, 200, ['"gpu-mig"', '"nvidia.com/mig-3g.40gb"', '"train-1"']),
        ("GET", "/v1/explain?pod=default/train-2", None, 200, ['"nodes_that_fit_now":0', '"insufficient_']),
        ("GET", "/v1/explain", None, 400, ["NAMESPACE/NAME"]),
        ("GET", "/v1/explain?pod=default/nope", None, 404, ["default/nope"]),
        ("POST", "/v1/simulate", text.encode(), 200, ['"outcome":"bind","node":"gpu-shared"']),
        ("POST", "/v1/simulate", b"{", 400, ["JSON"]),
        ("POST", "/prioritize", args("infer-3"), 200, ['"Host":"gpu-mig"', '"Score":10']),
        ("POST", "/filter", args("train-1"), 200, ['"NodeNames":["gpu-whole"]', '"Error":""']),
        ("POST", "/any/prefix/filter", args("train-2"), 200, ['"NodeNames":[]', "gpu-whole", "resource"]),
        ("POST", "/filter", b"{", 200, ['"Error":"']),
        ("POST", "/preempt", preempt, 200, ["gpu-whole", pods["train-0"]["metadata"]["uid"]]),
        ("POST", "/bind", binding("train-1", "gpu-whole"), 200, ['"Error":""']),
        ("POST", "/bind", binding("train-1", "gpu-whole"), 200, ['"Error":""']),
        ("POST", "/bind", binding("train-1", "gpu-mig"), 200, ["gpu-whole"]),
        ("GET", "/v1/explain?pod=default/train-1", None, 200, ['"stage":"bound"', '"node":"gpu-whole"']),
        ("GET", "/metrics", None, 200, ['gpusched_extender_calls_total{reason="",result="bound",verb="bind"} 2']),
        ("HEAD", "/metrics", None, 200, []),
        ("GET", "/nope", None, 404, []),
        ("POST", "/nope", b"{}", 404, []),
        ("PUT", "/filter", b"{}", 405, []),
    ]


def check_server(program, folder):
    findings = []
    with open(os.path.join(folder, SNAPSHOT), encoding="utf-8") as file:
        text = file.read()
    server = Server(program, folder, "--state", SNAPSHOT)
    rows = calls(text)
    for method, path, body, code, words in rows:
        status, answer = server.ask(method, path, body)
        if status != code:
            findings.append(f"{method} {path}: {status}, expected {code}: {answer[:300]}")
        findings += [f"{method} {path}: no {word} in {answer[:600]}" for word in words if word not in answer]
    served = set(re.findall(r"^# TYPE (\S+)", server.ask("GET", "/metrics")[1], re.MULTILINE))
    code = server.end()
    if code != 0:
        findings.append(f"SIGTERM: exit code {code}")
    with open(os.path.join(folder, "docs/extender.md"), encoding="utf-8") as file:
        written = set(re.findall(r"`(gpusched_[a-z_]+)", file.read()))
    findings += [f"docs/extender.md lacks metric {name}" for name in sorted(served - written)]
    findings += [f"docs/extender.md names metric {name}, which is not served" for name in sorted(written - served)]
    return findings, len(rows)


def check_sample_config(program, folder):
    """deploy/extender.yaml names every key, and its values are accepted: those commented out as well."""
    with open(os.path.join(folder, "deploy/extender.yaml"), encoding="utf-8") as file:
        text = file.read()
    server = Server(program, folder, "--config", "deploy/extender.yaml", "--state", SNAPSHOT)
    findings = [] if server.end() == 0 else ["deploy/extender.yaml: it does not run"]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write("nope: 1\n")
        file.flush()
        known = run(program, folder, ["--config", file.name]).stderr.split("Known keys: ")[1].strip().rstrip(")").split(", ")
    for key in known:
        last = key.split(".")[-1]
        if not re.search(rf"^[# ]*{re.escape(last)}: ", text, re.MULTILINE):
            findings.append(f"deploy/extender.yaml lacks key {key}")
    return findings


def main():
    program, folder = sys.argv[1:]
    findings = []
    for arguments, code, words in CASES:
        findings += compare(arguments, run(program, folder, arguments), code, words)
    for text, words in CONFIGS:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            result = run(program, folder, ["--config", file.name, "--state", SNAPSHOT])
            findings += compare(repr(text), result, 2, [word.replace("{file}", file.name) for word in words])
    found, asked = check_server(program, folder)
    findings += found + check_sample_config(program, folder)
    print("\n".join(findings) or f"{len(CASES) + len(CONFIGS)} command lines and {asked} calls as expected")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
