"""Checks answers by the schemas of Tempest's clients. Reads a JSON object a line: client, schema, version (3.N), status, body.

Prints a line for each answer that Tempest would not take."""

import importlib
import inspect
import json
import sys
from types import SimpleNamespace

from tempest.lib import exceptions
from tempest.lib.common.rest_client import RestClient
from tempest.lib.services.volume import base_client


def schema_of(client, name, version):
    """What a client compares an answer with at a version: schemas that never changed are in the first version's module alone."""
    module = importlib.import_module(f"tempest.lib.services.volume.v3.{client}_client")
    for _, kind in inspect.getmembers(module, inspect.isclass):
        infos = getattr(kind, "schema_versions_info", None)
        if infos and kind.__module__ == module.__name__:
            base_client.VOLUME_MICROVERSION = f"3.{version}"
            return getattr(kind.get_schema(None, infos), name, None) or getattr(module.schema, name)
    return getattr(module.schema, name)


for line in sys.stdin:
    answer = json.loads(line)
    schema = schema_of(answer["client"], answer["schema"], answer["version"])
    try:
        RestClient.validate_response(schema, SimpleNamespace(status=answer["status"]), answer["body"])
    except exceptions.TempestException as error:
        complaint = " ".join(str(error).split())[:500]
        print(f"{answer['client']}.{answer['schema']} at 3.{answer['version']}: {complaint}")
