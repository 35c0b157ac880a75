"""Serves Keystone on loopback, for the tests: PORT and OS_KEYSTONE_CONFIG_DIR come from the environment."""

import os
import sys
import threading
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

# Keystone reads the command line too
sys.argv = sys.argv[:1]

from keystone.server import wsgi  # noqa: E402


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *arguments):
        pass


keystone = wsgi.initialize_public_application()
one_at_a_time = threading.Lock()


def application(environ, start_response):
    # its database is SQLite's, which refuses a second writer
    with one_at_a_time:
        return list(keystone(environ, start_response))


make_server("127.0.0.1", int(os.environ["PORT"]), application, Server, Quiet).serve_forever()
