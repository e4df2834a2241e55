"""What W&B wrote about a run on this machine: the records of a run-*.wandb file."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BLOCK, HEADER, COMPLETE = 32768, 7, (1, 4)
"""Bytes of a block and before the first record; the kinds of a record's only and of its last part."""


def read_wandb_log(file: Path) -> Iterator[tuple[str, Any]]:
    """Yield name, config, history and summary of a run as (key, value), in the order written: later ones count.

    Raises:
        ValueError: not such a file, or a damaged one.
    """
    from google.protobuf.message import DecodeError  # here: importing wandb takes a second
    from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]

    for data in log_records(file.read_bytes()):
        try:
            record = Record.FromString(data)
        except DecodeError as error:
            raise ValueError(str(error)) from error
        if record.run.display_name:
            yield "name", record.run.display_name
        for part in (record.run.config.update, record.config.update, record.history.item, record.summary.update):
            for each in part:
                yield ".".join(each.nested_key) or each.key, json.loads(each.value_json)


def log_records(data: bytes) -> Iterator[bytes]:
    """Yield the records of LevelDB's log format (checksum 4 bytes, length 2, kind 1, data) after W&B's header."""
    if data[:4] != b":W&B":
        raise ValueError("it does not begin with :W&B")
    at, record = HEADER, b""
    while at + 7 <= len(data):
        rest = BLOCK - at % BLOCK
        if rest < 7:  # no header fits: padding
            at += rest
            continue
        length, kind = struct.unpack_from("<HB", data, at + 4)
        if not kind:
            return
        record += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in COMPLETE:
            yield record
            record = b""
