"""Envoy's endpoints: which addresses serve a cluster. Envoy takes a new file at once, without a restart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tools.console.certificates import replace_file

_TYPE: Final = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"


def write_endpoints(folder: Path, cluster: str, addresses: Sequence[str]) -> None:
    """Replaces the file of a cluster in `folder`, which Envoy watches; addresses are `host:port`, host an IP address.

    Raises OSError.
    """
    folder.mkdir(exist_ok=True)
    resource = {"@type": _TYPE, **endpoints(cluster, addresses)}
    # By renaming: Envoy does not notice what is written in place.
    replace_file(folder / f"{cluster}.json", json.dumps({"resources": [resource]}).encode(), mode=0o600)


def endpoints(cluster: str, addresses: Sequence[str]) -> dict[str, object]:
    """The ClusterLoadAssignment."""
    found = []
    for address in addresses:
        host, _, port = address.rpartition(":")
        found.append({"endpoint": {"address": {"socket_address": {"address": host, "port_value": int(port)}}}})
    return {"cluster_name": cluster, "endpoints": [{"lb_endpoints": found}]}
