"""The HTTP APIs: the OpenAPI document, and every route, also those that no document has."""

import json

from fastapi.routing import iter_route_contexts

from tests.surface.product import SIMULATED, served


def openapi() -> str:
    """Write down the OpenAPI document; the version is another with each release."""
    document = served()["api"].openapi()
    document["info"].pop("version")
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def routes() -> str:
    """List the routes by where they are served, and the methods of the Bot API that the simulator has."""
    parts = []
    for where, app in served().items():
        found = [(route.path, sorted(route.methods or ())) for route in iter_route_contexts(app.routes)]
        parts.append("\n".join([where, *(f"  {path} {' '.join(methods)}" for path, methods in sorted(found))]))
    methods = "\n".join(["simulator: /bot<token>/", *(f"  {name}" for name in sorted(SIMULATED))])
    return "\n\n".join([*parts, methods]) + "\n"
