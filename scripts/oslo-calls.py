"""Calls per second of oslo.messaging, to an endpoint that does nothing.

oslo-calls.py TRANSPORT_URL SECONDS CALLERS...    prints a JSON list, one number for each number of callers
oslo-calls.py TRANSPORT_URL 0 serve TOPIC         answers calls until its standard input ends
"""

import json
import subprocess
import sys
import threading
import time
import uuid

import oslo_messaging
from oslo_config import cfg

PAYLOAD = "x" * 600


class Endpoint:
    def nothing(self, context, payload):
        return None


def transport(url):
    # oslo.messaging registers some of its options with the global configuration alone
    return oslo_messaging.get_rpc_transport(cfg.CONF, url=url)


def serve(url, topic):
    target = oslo_messaging.Target(topic=topic, server="load")
    server = oslo_messaging.get_rpc_server(transport(url), target, [Endpoint()], executor="threading")
    server.start()
    print("serving", flush=True)
    # until the parent closes the pipe
    sys.stdin.read()
    server.stop()


def rate(client, callers, seconds):
    counts = [0] * callers
    end = time.monotonic() + seconds

    def call(caller):
        while time.monotonic() < end:
            client.call({}, "nothing", payload=PAYLOAD)
            counts[caller] += 1

    threads = [threading.Thread(target=call, args=(caller,)) for caller in range(callers)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.monotonic() - started)


def main():
    url, seconds = sys.argv[1], float(sys.argv[2])
    if sys.argv[3] == "serve":
        serve(url, sys.argv[4])
        return
    topic = f"load-{uuid.uuid4().hex}"
    server = subprocess.Popen(
        [sys.executable, __file__, url, "0", "serve", topic],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )
    try:
        server.stdout.readline()
        client = oslo_messaging.get_rpc_client(transport(url), oslo_messaging.Target(topic=topic))
        client.call({}, "nothing", payload=PAYLOAD)
        print(json.dumps([rate(client, int(callers), seconds) for callers in sys.argv[3:]]))
    finally:
        server.stdin.close()
        server.wait(timeout=30)


main()
