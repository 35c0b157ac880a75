#!/usr/bin/env python3
"""What a mirror costs its servers, and what the relay adds to that: writes per second, as ratios of one run.

Run by `make bench-relay`, from the root of the repository.
"""

import json
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

RELAY = "target/release/cinderblock-relay"
ROUNDS = 5
SIZE = 1 << 30
# name, bytes per write, depth, writes
LOADS = [
    ("4 KiB, one at a time", 4096, 1, 4000),
    ("4 KiB, 16 at a time", 4096, 16, 16000),
    ("1 MiB, 4 at a time", 1 << 20, 4, 600),
]


def wait_for(path):
    for _ in range(200):
        if path.exists():
            return
        time.sleep(0.05)
    sys.exit(f"{path} does not come")


class Daemon:
    def __init__(self, directory):
        self.nbd, self.monitor = directory / "nbd.sock", directory / "qmp.sock"
        self.file = directory / "volume"
        with open(self.file, "wb") as file:
            file.truncate(SIZE)
        self.process = subprocess.Popen([
            "qemu-storage-daemon",
            "--chardev", f"socket,path={self.monitor},server=on,wait=off,id=m", "--monitor", "chardev=m",
            "--nbd-server", f"addr.type=unix,addr.path={self.nbd},max-connections=0"])
        wait_for(self.monitor)
        self.stream = socket.socket(socket.AF_UNIX)
        self.stream.connect(str(self.monitor))
        self.lines = self.stream.makefile("rw")
        self.lines.readline()
        self.do("qmp_capabilities")

    def do(self, command, **arguments):
        arguments = {name.replace("_", "-"): value for name, value in arguments.items()}
        self.lines.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.lines.flush()
        while True:
            answer = json.loads(self.lines.readline())
            if "error" in answer:
                sys.exit(f"{command}: {answer}")
            if "return" in answer:
                return answer["return"]

    def open(self, export, **options):
        self.do("blockdev-add", driver="raw", node_name="v", discard="unmap",
                file={"driver": "file", "filename": str(self.file), "discard": "unmap", "cache": {"direct": True}})
        self.do("block-export-add", type="nbd", id=export, node_name="v", name=export, writable=True, **options)


def measure(directory, way):
    """Writes per second of each load, when volumes are mirrored this way."""
    ends = []
    primary, target = directory / "a", directory / "b"
    for side in (primary, target):
        side.mkdir()
    try:
        a, b = Daemon(primary), Daemon(target)
        ends += [a.process, b.process]
        b.open("replica", writethrough=True)
        a.open("volume")
        server = b.nbd
        if way == "through the relay":
            server = target / "relay.sock"
            ends.append(subprocess.Popen([
                RELAY, "--listen", server, "--control", target / "control.sock", "--target", b.nbd,
                "--pid-file", target / "relay.pid"], stderr=subprocess.DEVNULL))
            wait_for(target / "control.sock")
        if way != "no mirror":
            a.do("blockdev-add", driver="nbd", node_name="r", export="replica", discard="unmap",
                 server={"type": "unix", "path": str(server)})
            a.do("blockdev-mirror", job_id="mirror", device="v", target="r", sync="full",
                 copy_mode="write-blocking", on_target_error="stop")
            while not a.do("query-block-jobs")[0].get("actively-synced"):
                time.sleep(0.1)
        uri = f"nbd+unix:///volume?socket={a.nbd}"
        speeds = []
        for _, size, depth, count in LOADS:
            begun = time.monotonic()
            subprocess.run(["qemu-img", "bench", "-w", "-f", "raw", "-c", str(count), "-d", str(depth),
                            "-s", str(size), uri], check=True, stdout=subprocess.DEVNULL)
            speeds.append(count / (time.monotonic() - begun))
        return speeds
    finally:
        for process in ends:
            process.kill()
            process.wait()


def main():
    ways = ["no mirror", "direct mirror", "through the relay"]
    results = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way in ways:
            with tempfile.TemporaryDirectory(dir=pathlib.Path(".run").absolute()) as directory:
                results[way].append(measure(pathlib.Path(directory), way))
    print(f"{f'writes per second (median of {ROUNDS})':34}" + "".join(f"{way:>20}" for way in ways)
          + f"{'relay : direct':>18}")
    for n, (name, *_) in enumerate(LOADS):
        medians = [statistics.median(speeds[n] for speeds in results[way]) for way in ways]
        print(f"{name:34}" + "".join(f"{speed:20.0f}" for speed in medians) + f"{medians[2] / medians[1]:18.2f}")


main()
