"""Markdown as our views write it -> HTML for notebooks. All text is escaped: nothing in a spec becomes markup."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

_INLINE = re.compile(
    r"(?P<fence>`+)(?P<code>.+?)(?P=fence)(?!`)"
    r"|\*\*(?P<strong>(?:[^*\\]|\\.)+)\*\*"
    r"|\[(?P<label>[^\]\\]+)\]\((?P<link>https://[^)\s]+)\)"
    r"|\\(?P<escaped>[!-/:-@\[-`{-~])"  # any ASCII punctuation, as in CommonMark
    r"|(?P<space>&nbsp;)"
)
_ITEM = re.compile(r"(?P<indent> *)- (?P<text>.*)")
_ALIGNED = {(False, True): ' style="text-align: right"', (True, True): ' style="text-align: center"'}
_SUMMARY = re.compile(r"<details><summary>([^<>]*)</summary>")


def as_html(markdown: str) -> str:
    r"""The Markdown of a view as a fragment of HTML: headings, paragraphs, lists, tables, code.

    >>> as_html(r"**a** `b < c` d\_e")
    '<p><strong>a</strong> <code>b &lt; c</code> d_e</p>'
    """
    return "\n".join(_blocks(markdown.split("\n")))


def _blocks(lines: list[str]) -> Iterator[str]:
    at = 0
    while at < len(lines):
        line = lines[at]
        end = at + 1
        if line.startswith("```"):
            end = next((n for n in range(at + 1, len(lines)) if lines[n].startswith("```")), len(lines))
            yield _preformatted(lines[at + 1 : end])
            end += 1
        elif line.startswith("|"):
            end = _while(lines, at, lambda one: one.startswith("|"))
            yield _table(lines[at:end])
        elif _ITEM.match(line):
            end = _while(lines, at, lambda one: _ITEM.match(one) is not None)
            yield _items(lines[at:end])
        elif line.startswith("    "):
            end = _while(lines, at, lambda one: one.startswith("    "))
            yield _preformatted([one[4:] for one in lines[at:end]])
        elif line.startswith("#"):
            level = min(6, len(line) - len(line.lstrip("#")) + 1)
            yield f"<h{level}>{_inline(line.lstrip('# '))}</h{level}>"
        elif found := _SUMMARY.fullmatch(line):
            yield f"<details><summary>{_inline(found[1])}</summary>"
        elif line == "</details>":
            yield line
        elif line.strip():
            end = _while(lines, at, lambda one: bool(one.strip()) and not re.match(r"[|#<]|```| *- ", one))
            yield f"<p>{_inline(' '.join(lines[at : max(end, at + 1)]))}</p>"
            end = max(end, at + 1)
        at = end


def _while(lines: list[str], at: int, holds: object) -> int:
    """Where the lines end of which something holds."""
    assert callable(holds)
    return next((number for number in range(at, len(lines)) if not holds(lines[number])), len(lines))


def _preformatted(lines: list[str]) -> str:
    return f"<pre>{html.escape(chr(10).join(lines))}</pre>"


def _items(lines: list[str]) -> str:
    """A list, with lists in it by their indents."""
    parts, depths = [], list[int]()
    for line in lines:
        found = _ITEM.match(line)
        assert found is not None
        depth = len(found["indent"])
        while depths and depth < depths[-1]:
            depths.pop()
            parts.append("</li></ul>")
        if not depths or depth > depths[-1]:
            depths.append(depth)
            parts.append("<ul>")
        else:
            parts.append("</li>")
        parts.append(f"<li>{_inline(found['text'])}")
    return "".join((*parts, *["</li></ul>"] * len(depths)))


def _table(lines: list[str]) -> str:
    rows = [_cells(line) for line in lines]
    head, marks, *body = rows if len(rows) > 1 else [rows[0], []]
    styles = [_ALIGNED.get((mark.strip().startswith(":"), mark.strip().endswith(":")), "") for mark in marks]
    styles += [""] * (max(map(len, rows)) - len(styles))

    def row(cells: list[str], tag: str) -> str:
        inside = (f"<{tag}{style}>{_inline(cell.strip())}</{tag}>" for cell, style in zip(cells, styles, strict=False))
        return f"<tr>{''.join(inside)}</tr>"

    top = f"<thead>{row(head, 'th')}</thead>" if any(cell.strip() for cell in head) else ""
    return f"<table>{top}<tbody>{''.join(row(cells, 'td') for cells in body)}</tbody></table>"


def _cells(line: str) -> list[str]:
    return re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))


def _inline(text: str) -> str:
    parts, at = [], 0
    for found in _INLINE.finditer(text):
        parts.append(html.escape(text[at : found.start()]))
        at = found.end()
        if found["code"] is not None:
            parts.append(f"<code>{html.escape(found['code'].strip())}</code>")
        elif found["strong"] is not None:
            parts.append(f"<strong>{_inline(found['strong'])}</strong>")
        elif found["link"] is not None:
            parts.append(f'<a href="{html.escape(found["link"])}">{_inline(found["label"])}</a>')
        else:
            parts.append("&nbsp;" if found["space"] else html.escape(found["escaped"]))
    return "".join((*parts, html.escape(text[at:])))
