"""The language server: the protocol's requests, answered by the other rooms. Needs pygls.

It speaks on its standard streams alone. It imports nothing of the workspace, starts no process and writes no file.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from archspec.analysis import Analysis
from archspec.editor import actions, completion, hover, lenses, names, outline, renaming, shapes, tokens
from archspec.editor.documents import Documents, OpenDocument
from archspec.editor.places import Lines, Position, Range
from archspec.problems import Edit, Problem, Related, Span, SpecError
from archspec.source import LIMITS

PAUSE = 0.7
"""Seconds without a change after which all problems are shown, those that may wait included."""

_SYMBOLS = {
    "section": types.SymbolKind.Namespace,
    "class": types.SymbolKind.Class,
    "parameter": types.SymbolKind.Variable,
    "input": types.SymbolKind.Interface,
    "step": types.SymbolKind.Field,
}
_ITEMS = {
    "class": types.CompletionItemKind.Class,
    "function": types.CompletionItemKind.Function,
    "field": types.CompletionItemKind.Field,
    "variable": types.CompletionItemKind.Variable,
    "value": types.CompletionItemKind.Value,
    "keyword": types.CompletionItemKind.Keyword,
    "module": types.CompletionItemKind.Module,
}


class _Refused(JsonRpcException):
    """A request that cannot be answered, with the reason for the person."""

    CODE = types.LSPErrorCodes.RequestFailed.value
    MESSAGE = "Request failed"


class Server(LanguageServer):
    """A language server for specs, with the documents that its client has open."""

    def __init__(self, version: str) -> None:
        super().__init__("archspec", version, text_document_sync_kind=types.TextDocumentSyncKind.Full)
        self.documents = Documents()
        self.waiting: dict[str, asyncio.TimerHandle] = {}

    def report_server_error(self, error: Exception, source: Any) -> None:
        """An error of the connection is written to standard error: to send it might fail in the same way."""
        print(f"archspec lsp: {type(error).__name__}: {str(error)[:500]}", file=sys.stderr)

    def document(self, uri: str) -> tuple[OpenDocument, Analysis]:
        """An open document and what is known of it now."""
        document = self.documents.open.get(uri)
        if document is None:
            raise _Refused("this document is not open")
        return document, self.documents.analysed(document)

    # What is wrong.

    def changed(self, uri: str, text: str, version: int | None) -> None:
        """Takes a new text; what is wrong with it is told once no newer one is waiting."""
        before = self.documents.open.get(uri)
        document = self.documents.put(uri, text, version)
        if before is not None:
            lines = [number for number, line in enumerate(document.lines.lines) if line != before.lines[number]]
            same_count = len(document.lines) == len(before.lines)
            document.typed = lines[0] + 1 if len(lines) == 1 and same_count else None
        self.later(uri, 0.0, lambda: self.tell(uri))

    def tell(self, uri: str) -> None:
        """Publishes the problems of a document and of those that import it; all of them after a pause."""
        document = self.documents.open.get(uri)
        if document is None:
            return
        for one in (document, *self.documents.importers(document)):
            self.documents.analysed(one)
            self.publish(one, one.shown)
        self.text_refreshed()
        if document.typed is not None:
            self.later(uri, PAUSE, lambda: self.paused(uri))

    def paused(self, uri: str) -> None:
        """Publishes what could wait while a person typed."""
        document = self.documents.open.get(uri)
        if document is not None:
            document.typed = None
            self.documents.analysed(document)
            self.publish(document, document.shown)

    def later(self, uri: str, seconds: float, call: Callable[[], None]) -> None:
        """Calls once, in place of what was to be called for that document."""
        if uri in self.waiting:
            self.waiting.pop(uri).cancel()
        self.waiting[uri] = asyncio.get_running_loop().call_later(seconds, call)

    async def check(self, uri: str) -> None:
        """Publishes all that a check finds, which may take long: variants, budgets, sizes that no expression says."""
        document = self.documents.open.get(uri)
        if document is None:
            return
        found = await asyncio.get_running_loop().run_in_executor(None, self.documents.checked, document)
        if self.documents.open.get(uri) is document:
            known = self.documents.analysed(document).problems
            more = [one for one in found if one not in known]
            sound = all(one.severity == "warning" for one in known)
            self.publish(document, [*document.shown, *(more if sound else ())])

    def publish(self, document: OpenDocument, problems: Iterable[Problem]) -> None:
        """Shows the problems of one document; those of files that it imports stand at its `imports`."""
        found = [self.diagnostic(document, one) for one in problems]
        self.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(uri=document.uri, version=document.version, diagnostics=found)
        )

    def diagnostic(self, document: OpenDocument, problem: Problem) -> types.Diagnostic:
        """A problem as the protocol has it."""
        own = problem.path == document.path
        advice = f"\nhelp: {problem.help}" if problem.help else ""
        place = "" if own else f"{os.path.basename(problem.path)}:{problem.line}: "
        error = problem.severity == "error"
        return types.Diagnostic(
            range=_range(document.lines.range(problem.span)) if own else _import_of(document, problem.path),
            message=f"{place}{problem.message}{advice}",
            severity=types.DiagnosticSeverity.Error if error else types.DiagnosticSeverity.Warning,
            code=problem.code,
            source="archspec",
            related_information=[self.related(document, one) for one in problem.related],
        )

    def related(self, document: OpenDocument, one: Related) -> types.DiagnosticRelatedInformation:
        return types.DiagnosticRelatedInformation(self.location(document, one.span), one.message)

    def location(self, document: OpenDocument, span: Span) -> types.Location:
        """A place in the document itself, or in a file that it imports."""
        if span.path == document.path:
            return types.Location(document.uri, _range(document.lines.range(span)))
        path = os.path.realpath(span.path)
        known = next((one for one in self.documents.open.values() if os.path.realpath(one.path) == path), None)
        if known is not None:
            return types.Location(known.uri, _range(known.lines.range(span)))
        try:
            lines = Lines(self.documents.read(path, LIMITS))
        except SpecError:
            lines = Lines("")
        return types.Location(_uri(path), _range(lines.range(span)))

    def text_refreshed(self) -> None:
        """Asks the client for the shapes anew, where it can be asked."""
        workspace = self.client_capabilities.workspace
        if workspace is not None and workspace.inlay_hint is not None and workspace.inlay_hint.refresh_support:
            self.workspace_inlay_hint_refresh(None)

    def edit(self, document: OpenDocument, edits: Iterable[Edit]) -> types.WorkspaceEdit:
        """Changes of one document."""
        made = [types.TextEdit(_range(document.lines.range(one.span)), one.text) for one in edits]
        return types.WorkspaceEdit(changes={document.uri: made})


def _import_of(document: OpenDocument, path: str) -> types.Range:
    """Where a document imports a file: the line that ends with its name, or the first one."""
    name = os.path.basename(path)
    line = next((number for number, text in enumerate(document.lines.lines) if name in text), 0)
    return _range(document.lines.whole(line))


def _uri(path: str) -> str:
    from pathlib import Path  # here: only places in other files need it

    return Path(path).as_uri()


def _position(position: Position) -> types.Position:
    return types.Position(position.line, position.character)


def _range(one: Range) -> types.Range:
    return types.Range(_position(one.start), _position(one.end))


def _read(one: types.Range) -> Range:
    return Range(Position(one.start.line, one.start.character), Position(one.end.line, one.end.character))


def _place(document: OpenDocument, position: types.Position) -> tuple[int, int]:
    """A position of the client's as a line and a column in characters."""
    return position.line, document.lines.column(Position(position.line, position.character))


def serve(version: str, stdin: BinaryIO, stdout: BinaryIO) -> None:
    """Answers a client on two streams until it says `exit`, or is gone."""
    logging.getLogger("pygls").setLevel(logging.CRITICAL)  # a request that is refused is no failure of the server
    server = Server(version)
    for add in (_documents, _reading, _beside, _naming, _changing):
        add(server)
    server.start_io(stdin, stdout)


def _documents(server: Server) -> None:
    """What the client says of its documents."""

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    async def opened(params: types.DidOpenTextDocumentParams) -> None:
        one = params.text_document
        server.changed(one.uri, one.text, one.version)
        await server.check(one.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        for change in params.content_changes[-1:]:
            server.changed(params.text_document.uri, change.text, params.text_document.version)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    async def saved(params: types.DidSaveTextDocumentParams) -> None:
        document = server.documents.open.get(params.text_document.uri)
        if document is not None:
            document.typed = None
            server.tell(params.text_document.uri)
            await server.check(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        server.documents.close(params.text_document.uri)
        empty = types.PublishDiagnosticsParams(uri=params.text_document.uri, diagnostics=[])
        server.text_document_publish_diagnostics(empty)


def _reading(server: Server) -> None:
    """What is shown beside a text."""

    @server.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    def hints(params: types.InlayHintParams) -> list[types.InlayHint]:
        document, analysis = server.document(params.text_document.uri)
        first, last = params.range.start.line + 1, params.range.end.line + 1
        found = []
        for one in shapes.hints(analysis, first, last):
            end = document.lines.whole(one.line - 1).end
            told = "as the text was before this change" if one.stale else ", ".join(one.paths[:8])
            found.append(types.InlayHint(_position(end), one.label, padding_left=True, tooltip=told))
        return found

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def hovered(params: types.HoverParams) -> types.Hover | None:
        document, analysis = server.document(params.text_document.uri)
        text = hover.hover(analysis, document.lines, *_place(document, params.position))
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, text)) if text else None

    @server.feature(
        types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=[" ", "{", "[", ",", ":"])
    )
    def completed(params: types.CompletionParams) -> types.CompletionList:
        document, analysis = server.document(params.text_document.uri)
        found = completion.completions(analysis, document.lines, *_place(document, params.position))
        items = [
            types.CompletionItem(
                one.label, kind=_ITEMS[one.kind], detail=one.detail, insert_text=one.text or None, sort_text=f"{at:05}"
            )
            for at, one in enumerate(found)
        ]
        return types.CompletionList(is_incomplete=False, items=items)

    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def symbols(params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
        document, analysis = server.document(params.text_document.uri)
        sources = analysis.sources
        return [_symbol(document.lines, one) for one in outline.outline(sources.main)] if sources is not None else []

    @server.feature(types.TEXT_DOCUMENT_FOLDING_RANGE)
    def folds(params: types.FoldingRangeParams) -> list[types.FoldingRange]:
        document, _ = server.document(params.text_document.uri)
        return [types.FoldingRange(first, last) for first, last in outline.folds(document.lines)]


def _beside(server: Server) -> None:
    """What is shown above lines, and how words are coloured."""

    @server.feature(types.TEXT_DOCUMENT_CODE_LENS)
    async def lensed(params: types.CodeLensParams) -> list[types.CodeLens]:
        document, analysis = server.document(params.text_document.uri)
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(None, lambda: list(lenses.lenses(analysis)))
        places = [(one, document.lines.whole(one.line - 1)) for one in found]
        # A command without a name is a text alone.
        return [types.CodeLens(_range(place), types.Command(one.text, "")) for one, place in places]

    legend = types.SemanticTokensLegend(list(tokens.TYPES), list(tokens.MODIFIED))

    @server.feature(types.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL, legend)
    def coloured(params: types.SemanticTokensParams) -> types.SemanticTokens:
        document, analysis = server.document(params.text_document.uri)
        data: list[int] = []
        above = Position(0, 0)
        for one in tokens.tokens(analysis):
            place = document.lines.range(one.span)
            start = place.start
            column = start.character - (above.character if start.line == above.line else 0)
            modifier = 1 << tokens.MODIFIED.index(one.modifier) if one.modifier is not None else 0
            length = place.end.character - start.character
            data += [start.line - above.line, column, length, tokens.TYPES.index(one.type), modifier]
            above = start
        return types.SemanticTokens(data)


def _symbol(lines: Lines, one: outline.OutlineEntry) -> types.DocumentSymbol:
    whole, own = lines.range(one.whole), lines.range(one.own)
    inside = [_symbol(lines, child) for child in one.children]
    return types.DocumentSymbol(one.name, _SYMBOLS[one.kind], _range(whole), _range(own), one.detail, children=inside)


def _naming(server: Server) -> None:
    """What names stand for."""

    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    def definition(params: types.DefinitionParams) -> list[types.Location]:
        document, analysis = server.document(params.text_document.uri)
        found = names.definitions(analysis, *_place(document, params.position))
        return [server.location(document, span) for span in found]

    @server.feature(types.TEXT_DOCUMENT_REFERENCES)
    def references(params: types.ReferenceParams) -> list[types.Location]:
        document, analysis = server.document(params.text_document.uri)
        place = _place(document, params.position)
        found = [server.location(document, span) for span in names.references(analysis, *place)]
        for block in (one for one in names.named(analysis, *place) if one.kind == "block"):
            for other in server.documents.importers(document):
                spans = names.uses_of_block(
                    server.documents.analysed(other), os.path.relpath(document.path), block.name
                )
                found += [server.location(other, span) for span in spans]
        return found

    @server.feature(types.TEXT_DOCUMENT_PREPARE_RENAME)
    def prepared(params: types.PrepareRenameParams) -> types.Range | None:
        document, analysis = server.document(params.text_document.uri)
        try:
            _, span = renaming.renamed_at(analysis, *_place(document, params.position))
        except renaming.RenamingError:
            return None
        return _range(document.lines.range(span))

    @server.feature(types.TEXT_DOCUMENT_RENAME, types.RenameOptions(prepare_provider=True))
    def renamed(params: types.RenameParams) -> types.WorkspaceEdit:
        document, analysis = server.document(params.text_document.uri)
        try:
            place = _place(document, params.position)
            edits = renaming.rename(analysis, *place, params.new_name, server.documents)
        except renaming.RenamingError as error:
            raise _Refused(str(error)) from None
        return server.edit(document, edits)


def _changing(server: Server) -> None:
    """What changes are offered."""

    @server.feature(
        types.TEXT_DOCUMENT_CODE_ACTION,
        types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix, types.CodeActionKind.Refactor]),
    )
    def offered(params: types.CodeActionParams) -> list[types.CodeAction]:
        document, analysis = server.document(params.text_document.uri)
        found = []
        for one in actions.actions(analysis, document.lines, _read(params.range), server.documents):
            told: Any = [server.diagnostic(document, one.problem)] if one.problem is not None else None
            quick = one.kind == "quickfix"
            kind = types.CodeActionKind.QuickFix if quick else types.CodeActionKind.Refactor
            edit = server.edit(document, one.edits)
            found.append(types.CodeAction(one.title, kind, diagnostics=told, is_preferred=quick, edit=edit))
        return found
