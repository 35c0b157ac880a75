"""Serves an OpenStack API on loopback, for the tests: `openstack-server.py MODULE FUNCTION PORT`.

One request at a time: the database is SQLite's, which refuses a second writer."""

import importlib
import sys

import waitress

module, function, port = sys.argv[1:]
# these services read the command line, too
sys.argv = sys.argv[:1]
application = getattr(importlib.import_module(module), function)()
# images are as large as disks
waitress.serve(application, host="127.0.0.1", port=int(port), threads=1, max_request_body_size=1 << 40)
