"""gRPC service config per context: how its callers balance and retry (schema: grpc/service_config.proto)."""

import json

from tools.codegen.contract import Contract, Idempotency, Method

_REPEATABLE = (Idempotency.NO_SIDE_EFFECTS, Idempotency.IDEMPOTENT)

# UNAVAILABLE only (AIP-194): nothing else says that repeating can help. gRPC picks each pause at random up to the
# backoff. Four attempts wait at most 0.05 + 0.1 + 0.2 s, which a caller's deadline of one second still holds.
_RETRY = {
    "maxAttempts": 4,
    "initialBackoff": "0.05s",
    "maxBackoff": "0.5s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
# A channel stops retrying when half of these tokens are gone; a failure takes one, a success gives back a tenth.
_THROTTLING = {"maxTokens": 20, "tokenRatio": 0.1}


def service_configs(contract: Contract) -> dict[str, bytes]:
    """The service config of every process as JSON, by the name of the process.

    There is no `timeout`: in the Python client it fires early and is not sent to the server. Channels set deadlines.
    """
    return {
        process: _config([method for method in contract.methods if method.served_by == process])
        for process in sorted({method.served_by for method in contract.methods})
    }


def _config(methods: list[Method]) -> bytes:
    repeatable = [_name(method) for method in methods if method.idempotency in _REPEATABLE]
    config = {
        "loadBalancingConfig": [{"round_robin": {}}],
        "methodConfig": [{"name": repeatable, "retryPolicy": _RETRY}] if repeatable else [],
        "retryThrottling": _THROTTLING,
    }
    return (json.dumps(config, indent=2) + "\n").encode()


def _name(method: Method) -> dict[str, str]:
    return {"service": method.service, "method": method.descriptor.name}
