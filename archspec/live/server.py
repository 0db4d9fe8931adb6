"""The page of a spec, served to this machine alone, and an event at every change. Needs starlette and uvicorn.

Every request has to bring the token, by the server's own address, and from no other site: whoever can open a
connection to this machine, such as any page in a browser, learns nothing.
"""

from __future__ import annotations

import asyncio
import hmac
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from archspec.live.state import Live

HOST = "127.0.0.1"
PAUSE = 0.1
"""Seconds between two looks at the file."""

_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "frame-ancestors 'none'",  # the rest is in the page; this one counts in a header alone
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",  # the address holds the token
    "x-content-type-options": "nosniff",
}


class LivePage:
    """A spec's page, and those who wait for its next version."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.changed = asyncio.Condition()
        self.one = asyncio.Lock()

    async def page(self, _: Request) -> Response:
        """The page as the file is now."""
        await self.look()  # so that those who wait hear of it, too
        async with self.one:
            return HTMLResponse(await run_in_threadpool(self.live.page))

    async def events(self, _: Request) -> Response:
        """The stream of versions."""
        return StreamingResponse(self.versions(), media_type="text/event-stream")

    async def versions(self) -> AsyncIterator[str]:
        """The present version, and each later one, as server-sent events."""
        told = await self.later_than(-1)
        while True:
            yield f"data: {told}\n\n"
            told = await self.later_than(told)

    async def later_than(self, version: int) -> int:
        """The present version, once it is another one."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.live.version != version)
        return self.live.version

    async def look(self) -> None:
        """Tells those who wait if a file has changed."""
        async with self.one:
            found = await run_in_threadpool(self.live.look)
        if found:
            async with self.changed:
                self.changed.notify_all()

    async def watch(self) -> None:
        """Looks at the file again and again."""
        while True:
            await self.look()
            await asyncio.sleep(PAUSE)

    @asynccontextmanager
    async def running(self, _: Starlette) -> AsyncIterator[None]:
        """Watches while the server runs."""
        watching = asyncio.create_task(self.watch())
        yield
        watching.cancel()


class Guard:
    """Refuses what does not come from the page itself, or from who was given its address."""

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self.app, self.token = app, token
        self.hosts = {f"{name}:{port}" for name in (HOST, "localhost")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, or refuses it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        reason = self.refusal(Request(scope))
        answer = self.app if reason is None else PlainTextResponse(f"refused: {reason}\n", 403)
        await answer(scope, receive, sealed)

    def refusal(self, request: Request) -> str | None:
        """Why a request is not answered; None where it is."""
        headers = request.headers
        if headers.getlist("host") not in [[host] for host in self.hosts]:
            return "another host"
        origin = headers.get("origin")
        visit = headers.get("sec-fetch-mode", "navigate") == "navigate"  # by a link; frames are refused by the policy
        own = headers.get("sec-fetch-site", "none") in ("same-origin", "none")
        if (origin is not None and origin.removeprefix("http://") != headers["host"]) or not (visit or own):
            return "another origin"
        given = request.query_params.get("token", "")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode()):
            return "the address has no token; use the address that `archspec serve` printed"
        return None


def application(site: LivePage, token: str, port: int) -> ASGIApp:
    """The application: the page and its events, behind the guard."""
    routes = [Route("/", site.page), Route("/events", site.events)]
    return Guard(Starlette(routes=routes, lifespan=site.running), token, port)


def serve(live: Live, token: str, listening: socket.socket) -> None:
    """Serves the page on a socket of this machine until it is interrupted."""
    app = application(LivePage(live), token, listening.getsockname()[1])
    config = uvicorn.Config(app, log_level="critical", server_header=False, timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listening])
