"""A server that writes to an RBD image, for tests: numbered blocks of 4 KiB, one after the other, through librbd.

usage: rbd_writer.py CONF POOL IMAGE FIRST
Block number N is written at N * 4096, from FIRST on, and printed with the time when it is acknowledged. Ends with the first error, and
after SIGTERM as one that closes its disk.
"""

import signal
import struct
import sys
import time

import rados
import rbd

BLOCK = 4096

signal.signal(signal.SIGTERM, lambda *_: sys.exit())
conf, pool, image, first = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
with rados.Rados(conffile=conf) as cluster, cluster.open_ioctx(pool) as context:
    with rbd.Image(context, image) as opened:
        for number in range(first, opened.size() // BLOCK):
            opened.write(struct.pack("<Q", number) * (BLOCK // 8), number * BLOCK)
            print(number, time.time(), flush=True)
