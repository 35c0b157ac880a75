#!/usr/bin/env python3
"""Writes and restores backups with the drivers of the real Cinder, without its services.

  cinder-backup.py write STORE VOLUME_FILE BACKUP_ID VOLUME_ID [PARENT_ID]
  cinder-backup.py restore STORE BACKUP_ID OUTPUT_FILE
  cinder-backup.py delete STORE BACKUP_ID

STORE is a directory, or the address of an S3 server, whose keys are in S3_ACCESS_KEY and S3_SECRET_KEY. Cinder's database is not needed:
what stands beside a backup's data tells the rest. Run it by a Python that has Cinder (pip install cinder==29.*, and boto3 for S3).
"""

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import sys
import warnings

warnings.simplefilter("ignore")

from oslo_config import cfg  # noqa: E402
from oslo_utils import timeutils  # noqa: E402

from cinder import objects  # noqa: E402
from cinder.volume import volume_utils  # noqa: E402


class Row(dict):
    """A row of the database, which is iterated as pairs."""

    def __iter__(self):
        return iter(self.items())


class Database:
    """Answers what the drivers ask of Cinder's database, and keeps nothing."""

    def volume_get(self, context, volume_id):
        return Row(id=volume_id, size=1, display_name="", display_description=None, volume_type_id=None)

    def volume_metadata_get(self, context, volume_id):
        return {"made": "by a test"}

    def volume_glance_metadata_get(self, context, volume_id):
        return []

    def __getattr__(self, name):
        return lambda *arguments, **named: None


class Backup:
    """A backup's record."""

    def __init__(self, **fields):
        self.display_name = self.display_description = self.parent_id = None
        self.container = self.service_metadata = self.object_count = None
        self.size = 1
        self.__dict__.update(fields)

    def __getitem__(self, name):
        return getattr(self, name)

    def save(self):
        pass

    def refresh(self):
        pass

    @contextlib.contextmanager
    def as_read_deleted(self):
        yield


class Directory:
    """Backups in a directory, each in one of its own."""

    def __init__(self, path):
        self.path = path

    def driver(self):
        from cinder.backup.drivers import posix

        return posix.PosixBackupDriver(None, backup_path=self.path)

    def find(self, backup_id):
        container = f"{backup_id[:2]}/{backup_id[2:4]}/{backup_id}"
        (found,) = (pathlib.Path(self.path) / container).glob("*_metadata")
        return container, found.name.removesuffix("_metadata"), found.read_text()


class Bucket:
    """Backups in the bucket of Cinder's default."""

    def __init__(self, address):
        self.address = address

    def driver(self):
        from cinder.backup.drivers import s3

        given = {
            "backup_s3_endpoint_url": self.address,
            "backup_s3_store_access_key": os.environ["S3_ACCESS_KEY"],
            "backup_s3_store_secret_key": os.environ["S3_SECRET_KEY"],
            "backup_s3_block_size": 32768,
        }
        for name, value in given.items():
            cfg.CONF.set_override(name, value)
        return s3.S3BackupDriver(None)

    def find(self, backup_id):
        import boto3

        keys = {"aws_access_key_id": os.environ["S3_ACCESS_KEY"], "aws_secret_access_key": os.environ["S3_SECRET_KEY"]}
        client = boto3.client("s3", endpoint_url=self.address, region_name="us-east-1", **keys)
        container = "volumebackups"
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=container)
        names = [item["Key"] for page in pages for item in page.get("Contents", [])]
        (found,) = [name for name in names if name.endswith(f"_backup_{backup_id}_metadata")]
        text = client.get_object(Bucket=container, Key=found)["Body"].read()
        return container, found.removesuffix("_metadata"), text


def record(store, backup_id, status):
    """The record of a backup that is stored."""
    container, prefix, text = store.find(backup_id)
    told = json.loads(text)
    known = {name: told[name] for name in ("volume_id", "parent_id")}
    return Backup(id=backup_id, container=container, service_metadata=prefix, status=status, **known)


def ready(store, compression, chunk):
    """The driver, without what it would tell other services."""
    objects.register_all()
    objects.Backup.get_by_id = lambda context, backup_id: record(store, backup_id, "available")
    volume_utils.notify_about_backup_usage = lambda *arguments, **named: None
    cfg.CONF([], project="cinder", default_config_files=[])
    import cinder.backup.chunkeddriver  # noqa: F401  (registers the option)

    cfg.CONF.set_override("backup_compression_algorithm", compression)
    # it looks whether there is a database
    cfg.CONF.set_override("connection", "sqlite://", "database")
    driver = store.driver()
    driver.chunk_size_bytes = chunk
    driver.db = driver.backup_meta_api.db = Database()
    return driver


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compression", default="zlib")
    parser.add_argument("--chunk", type=int, default=1999994880, help="in bytes")
    parser.add_argument("--at", default="2026-01-02T03:04:05", help="the time of the backup, UTC")
    parser.add_argument("--name")
    actions = parser.add_subparsers(dest="action", required=True)
    write = actions.add_parser("write")
    for name in ("store", "volume_file", "backup_id", "volume_id"):
        write.add_argument(name)
    write.add_argument("parent_id", nargs="?")
    restore = actions.add_parser("restore")
    for name in ("store", "backup_id", "output_file"):
        restore.add_argument(name)
    delete = actions.add_parser("delete")
    for name in ("store", "backup_id"):
        delete.add_argument(name)
    asked = parser.parse_args()

    store = (Bucket if asked.store.startswith("http") else Directory)(asked.store)
    driver = ready(store, asked.compression, asked.chunk)
    if asked.action == "write":
        at = datetime.datetime.fromisoformat(asked.at)
        timeutils.utcnow = lambda with_timezone=False: at
        backup = Backup(
            id=asked.backup_id, volume_id=asked.volume_id, parent_id=asked.parent_id, status="creating",
            display_name=asked.name, created_at=at.replace(tzinfo=datetime.timezone.utc))
        with open(asked.volume_file, "rb") as volume:
            driver.backup(backup, volume)
        print(json.dumps({"prefix": backup.service_metadata, "container": backup.container,
                          "object_count": backup.object_count}))
    elif asked.action == "restore":
        backup = record(store, asked.backup_id, "restoring")
        with open(asked.output_file, "wb") as volume:
            driver.restore(backup, backup.volume_id, volume, False)
    else:
        driver.delete_backup(record(store, asked.backup_id, "deleting"))


if __name__ == "__main__":
    sys.exit(main())
