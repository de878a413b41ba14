#!/usr/bin/env python3
"""How soon the extender is ready on a large cluster, and what it weighs then.

    bench/extender/startup.py [--nodes 15000] [--pods 100000] [--node-kb 20] [--extender build/release/bin/gpusched-extender]
    bench/extender/startup.py --nodes 5000 --pods 20000 --load

Serves paged lists of GPU nodes and of bound pods on loopback as an API server does (plain HTTP, made in advance, so
that the server costs little), starts the extender on them, waits for /readyz, and prints seconds and resident memory.
With --load it then sends 50 node and 200 pod updates per second down the watches and has filter_load (built beside the
extender) ask filter and prioritize. Times are the client's: parse, decide, answer and loopback together.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse


def node(i, size):
    labels = {"kubernetes.io/hostname": f"gpu-node-{i:05d}", "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3",
              "nvidia.com/gpu.count": "8", "nvidia.com/gpu.memory": "81559", "nvidia.com/gpu.replicas": "1",
              "nvidia.com/gpu.sharing-strategy": "none", "nvidia.com/mig.strategy": "mixed", "nvidia.com/mig.capable": "true"}
    amounts = {"cpu": "224", "memory": "2113405012Ki", "pods": "110", "nvidia.com/gpu": "8"}
    images = [{"names": [f"registry.example.com/team/image-{k}@sha256:{'0' * 64}", f"registry.example.com/team/image-{k}:v{k}"],
               "sizeBytes": 123456789 + k} for k in range(max(0, (size - 1600) // 190))]
    return {"metadata": {"name": f"gpu-node-{i:05d}", "uid": f"00000000-0000-4000-8000-{i:012d}", "resourceVersion": str(i + 1),
                         "labels": labels, "annotations": {}},
            "spec": {"podCIDR": "10.0.0.0/24"},
            "status": {"allocatable": amounts, "capacity": amounts, "images": images,
                       "conditions": [{"type": t, "status": "True" if t == "Ready" else "False", "reason": "KubeletReady"}
                                      for t in ("MemoryPressure", "DiskPressure", "PIDPressure", "Ready")]}}


def pod(i, nodes):
    amounts = {"cpu": "8", "memory": "32Gi", "nvidia.com/gpu": "1"} if i < nodes * 7 else {"cpu": "100m", "memory": "128Mi"}
    return {"metadata": {"name": f"worker-{i:06d}", "namespace": "team", "uid": f"10000000-0000-4000-8000-{i:012d}",
                         "resourceVersion": str(i + 1), "labels": {"app": "worker"},
                         "annotations": {"gpusched.io/allocation":
                                         f"v1;node=gpu-node-{i % nodes:05d};resource=nvidia.com/gpu;count=1;parts={i // nodes}"}},
            "spec": {"nodeName": f"gpu-node-{i % nodes:05d}", "schedulerName": "default-scheduler",
                     "containers": [{"name": "main", "image": "registry.example.com/team/image:v1",
                                     "resources": {"requests": amounts, "limits": amounts}}]},
            "status": {"phase": "Running"}}


def pages(kind, objects, limit):
    """Bodies of the pages of a list."""
    out = []
    for start in range(0, max(1, len(objects)), limit):
        end = min(start + limit, len(objects))
        metadata = {"resourceVersion": "1000000", "continue": str(end) if end < len(objects) else ""}
        head = json.dumps({"kind": kind + "List", "apiVersion": "v1", "metadata": metadata}, separators=(",", ":"))
        out.append((head[:-1] + ',"items":[' + ",".join(objects[start:end]) + "]}").encode())
    return out


def watch_lines(kind, objects, count):
    """Updates of the first `count` objects: what changes is a label, and the version."""
    out = []
    for version, text in enumerate(objects[:count], start=2_000_000):
        item = json.loads(text)
        item["metadata"]["resourceVersion"] = str(version)
        item["metadata"].setdefault("labels", {})["bench/tick"] = str(version)
        out.append(json.dumps({"type": "MODIFIED", "object": {"kind": kind, "apiVersion": "v1", **item}},
                              separators=(",", ":")).encode() + b"\n")
    return out


def serve(lists, limit, updates, per_second):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_GET(self):
            url = urlparse(self.path)
            query = parse_qs(url.query)
            if "watch" in query:
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                kind = url.path.rsplit("/", 1)[1]
                for i in range(10 ** 9):
                    time.sleep(1 / per_second[kind] if per_second[kind] else 600)
                    line = updates[kind][i % len(updates[kind])] if updates[kind] else b"\n"
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                return
            body = lists[url.path.rsplit("/", 1)[1]][int(query.get("continue", ["0"])[0]) // limit]
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def resident_mb(pid, field):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu_s(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=15000)
    parser.add_argument("--pods", type=int, default=100000)
    parser.add_argument("--node-kb", type=int, default=20)
    parser.add_argument("--load", action="store_true")
    parser.add_argument("--extender", default=os.path.join(root, "build/release/bin/gpusched-extender"))
    arguments = parser.parse_args()

    limit = 500  # of the extender's watches
    def compact(value):
        return json.dumps(value, separators=(",", ":"))

    nodes = [compact(node(i, arguments.node_kb * 1000)) for i in range(arguments.nodes)]
    pods = [compact(pod(i, arguments.nodes)) for i in range(arguments.pods)]
    lists = {"nodes": pages("Node", nodes, limit), "pods": pages("Pod", pods, limit)}
    updates = {"nodes": watch_lines("Node", nodes, 500), "pods": watch_lines("Pod", pods, 2000)}
    del nodes, pods
    megabytes = {kind: sum(map(len, bodies)) / 1e6 for kind, bodies in lists.items()}
    port = serve(lists, limit, updates, {"nodes": 50, "pods": 200} if arguments.load else {"nodes": 0, "pods": 0})
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = os.path.join(folder, "kubeconfig")
        with open(kubeconfig, "w") as file:
            json.dump({"apiVersion": "v1", "kind": "Config", "current-context": "c",
                       "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                       "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
                       "users": [{"name": "u", "user": {"token": "bench"}}]}, file)
        listen = f"127.0.0.1:{port + 1 if port < 65000 else port - 1}"
        start = time.monotonic()
        process = subprocess.Popen([arguments.extender, "--kubeconfig", kubeconfig, "--listen", listen, "--log-level", "error"])
        try:
            while time.monotonic() - start < 120 and process.poll() is None:
                try:
                    urllib.request.urlopen(f"http://{listen}/readyz", timeout=5)
                    break
                except OSError:
                    time.sleep(0.02)
            ready = time.monotonic() - start
            if process.poll() is not None or ready >= 120:
                sys.exit("startup: the extender did not become ready")
            print(f"{arguments.nodes} nodes ({megabytes['nodes']:.0f} MB of JSON), {arguments.pods} pods ({megabytes['pods']:.0f} MB): "
                  f"ready after {ready:.2f} s, resident {resident_mb(process.pid, 'VmRSS'):.0f} MB, peak {resident_mb(process.pid, 'VmHWM'):.0f} MB")
            if arguments.load:
                load = os.path.join(os.path.dirname(arguments.extender), "filter_load")
                common = [load, "--port", listen.rsplit(":", 1)[1], "--nodes", str(arguments.nodes), "--seconds", "5"]
                for more in (["--names", "500"], ["--names", "5000"], ["--names", "500", "--verb", "prioritize"],
                             ["--names", "5000", "--verb", "prioritize"], ["--names", "500", "--connections", "8"],
                             ["--names", "700", "--full-kb", "16"]):
                    used = cpu_s(process.pid)
                    print(subprocess.run(common + more, capture_output=True, text=True, check=True).stdout.strip() +
                          f"; extender used {(cpu_s(process.pid) - used) / 5:.2f} cores", flush=True)
        finally:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
