"""Which token a call needs at the edge, from its policy. Field names: Envoy's jwt_authn, v3 API."""

from tools.codegen.contract import Access, Idempotency, Method

_PROVIDER = "bookstore"
OPTIONAL = "optional"
SOUND_IF_SENT = "sound-if-sent"
REQUIRED = "required"
REQUIREMENTS = {
    # An invalid token counts as none: the service then sees an anonymous caller.
    OPTIONAL: {
        "requires_any": {"requirements": [{"provider_name": _PROVIDER}, {"allow_missing_or_failed": {}}]},
    },
    # Who sends a token means to act as somebody: a change must not be made for an anonymous caller instead.
    SOUND_IF_SENT: {
        "requires_any": {"requirements": [{"provider_name": _PROVIDER}, {"allow_missing": {}}]},
    },
    REQUIRED: {"provider_name": _PROVIDER},
}


def jwt_requirement(method: Method) -> str | None:
    """The requirement of a method: a key of REQUIREMENTS, or None when no token is looked at.

    Calls that try a secret of their own, and documents under /.well-known/, work with a broken token too; the key set
    itself must, for the edge fetches it through its own listener before it can check any token.
    """
    policy = method.enforced
    if policy.access in (Access.USER, Access.OWNER, Access.ROLE):
        return REQUIRED
    well_known = any(route.template.segments[0] == ".well-known" for route in method.routes)
    if policy.access is Access.PUBLIC and (policy.rate_class == "CREDENTIALS" or well_known):
        return None
    return OPTIONAL if method.idempotency is Idempotency.NO_SIDE_EFFECTS else SOUND_IF_SENT
