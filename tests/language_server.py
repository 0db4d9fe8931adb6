"""A client for language servers, over their standard streams: as much of the protocol as an editor needs."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class Server:
    """A language server that has been started and greeted; a context manager that ends it."""

    def __init__(self, command: str | Sequence[str], folder: Path, seconds: float = 600) -> None:
        self.folder, self.seconds = folder, seconds
        self.process = subprocess.Popen(
            [command, "--stdio"] if isinstance(command, str) else command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
        )
        self.messages: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.count = 0
        workspace = {"uri": folder.as_uri(), "name": folder.name}
        self.ask("initialize", processId=None, rootUri=folder.as_uri(), workspaceFolders=[workspace], capabilities={})
        self.tell("initialized")
        settings = {"validate": True, "hover": True, "completion": True, "schemaStore": {"enable": False}}
        self.tell("workspace/didChangeConfiguration", settings={"yaml": settings})

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def tell(self, method: str, **params: Any) -> None:
        """Sends what needs no answer."""
        self._send({"method": method, "params": params})

    def ask(self, method: str, **params: Any) -> Any:
        """The answer to a request."""
        self.count += 1
        self._send({"id": self.count, "method": method, "params": params})
        while True:
            message = self._next()
            if message.get("id") == self.count and "method" not in message:
                assert "error" not in message, message
                return message["result"]

    def refused(self, method: str, **params: Any) -> str:
        """Why a request is refused."""
        self.count += 1
        self._send({"id": self.count, "method": method, "params": params})
        while (message := self._next()).get("id") != self.count or "method" in message:
            pass
        return str(message["error"]["message"])

    def open(self, name: str, text: str) -> list[dict[str, Any]]:
        """Opens a document; what the server finds wrong with it."""
        uri = (self.folder / name).as_uri()
        self.tell("textDocument/didOpen", textDocument={"uri": uri, "languageId": "yaml", "version": 1, "text": text})
        return self.found(uri)

    def change(self, name: str, text: str) -> list[dict[str, Any]]:
        """Replaces the whole text of a document; what the server finds wrong with it."""
        uri = (self.folder / name).as_uri()
        self.tell("textDocument/didChange", textDocument={"uri": uri, "version": 2}, contentChanges=[{"text": text}])
        return self.found(uri)

    def found(self, uri: str) -> list[dict[str, Any]]:
        """What the server finds wrong with a document next."""
        while True:
            message = self._next()
            if message.get("method") == "textDocument/publishDiagnostics" and message["params"]["uri"] == uri:
                found: list[dict[str, Any]] = message["params"]["diagnostics"]
                return found

    def at(self, name: str, line: int, character: int) -> dict[str, Any]:
        """A place in a document, counted from 0."""
        return {
            "textDocument": {"uri": (self.folder / name).as_uri()},
            "position": {"line": line, "character": character},
        }

    def _send(self, message: dict[str, Any]) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(data), data))
        self.process.stdin.flush()

    def _next(self) -> dict[str, Any]:
        message = self.messages.get(timeout=self.seconds)
        if "id" in message and "method" in message:  # a request of the server's: there is nothing to say
            self._send({"id": message["id"], "result": None})
        return message

    def _listen(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        while header := stream.readline():
            length = 0
            while header.strip():
                name, _, value = header.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
                header = stream.readline()
            self.messages.put(json.loads(stream.read(length)))
