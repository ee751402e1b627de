"""What keeps strangers out of a page: another page in the same browser, another machine behind a false name."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL = ["127.0.0.1", "localhost"]
MAX_BODY = 2_000_000
"""bytes; a repair with many strokes takes a few hundred thousand"""
POLICY = {
    "content-security-policy": "default-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",  # the address holds the token
    "x-content-type-options": "nosniff",
}


class SameOrigin:
    """Refuses a foreign Origin header and a large body; tells the browser to load nothing from elsewhere."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403 or 413."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(POLICY)
            await send(message)

        answer = _refusal(Headers(scope=scope)) or self.app
        await answer(scope, receive, send_with_policy)


def _refusal(headers: Headers) -> PlainTextResponse | None:
    origin, length = headers.get("origin"), headers.get("content-length", "0")
    if origin is not None and origin != f"http://{headers.get('host')}":
        return PlainTextResponse("foreign origin", 403)
    if "transfer-encoding" in headers or not length.isdigit() or int(length) > MAX_BODY:
        return PlainTextResponse("body too large", 413)
    return None


def guards() -> list[Middleware]:
    """Return the middleware of a page: a foreign Host header is refused first (DNS rebinding), then the rest."""
    return [Middleware(TrustedHostMiddleware, allowed_hosts=LOCAL, www_redirect=False), Middleware(SameOrigin)]
