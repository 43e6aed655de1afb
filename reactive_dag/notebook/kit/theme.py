"""The one style sheet, scoped under the class `rd`, and the element that every picture stands in.

It follows JupyterLab's and VS Code's theme, elsewhere what the reader prefers; a page of its own behind it, so that it
reads well on whatever it is put. Each picture has the sheet with it: any one may be the only one on a page.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from reactive_dag.notebook.kit.markup import Content, Markup, joined, tag
from reactive_dag.notebook.kit.palette import INKS, SURFACES, Colour

RULES = """
.rd{color-scheme:light dark;background:var(--rd-page);color:var(--rd-ink);
font:13px/1.5 var(--jp-content-font-family,system-ui,sans-serif);max-width:100%;overflow-x:auto}
body[data-jp-theme-light="true"] .rd,body.vscode-light .rd{color-scheme:light}
body[data-jp-theme-light="false"] .rd,body.vscode-dark .rd{color-scheme:dark}
.rd .rd-title{font-weight:600}
.rd .rd-quiet{color:var(--rd-quiet)}
.rd.rd .rd-table{border-collapse:collapse;border:0;margin:4px 0;font-size:13px;table-layout:auto;width:auto;
font-variant-numeric:tabular-nums}
.rd.rd .rd-table th,.rd.rd .rd-table td{text-align:left;vertical-align:baseline;padding:3px 14px 3px 0;border:0;
white-space:nowrap;max-width:none;color:inherit}
.rd.rd .rd-table td.rd-long{white-space:normal;min-width:18em;max-width:52em;overflow-wrap:anywhere}
.rd.rd .rd-table th{font-weight:600;color:var(--rd-quiet);border-bottom:1px solid var(--rd-edge)}
.rd.rd .rd-table tr{background:none}
.rd.rd .rd-table tbody tr:nth-child(even) td{background:var(--rd-stripe)}
.rd.rd .rd-table .rd-right{text-align:right}
.rd.rd .rd-table th:first-child,.rd.rd .rd-table td:first-child{padding-left:6px}
.rd.rd code{font:12px var(--jp-code-font-family,ui-monospace,monospace);
background:none!important;color:inherit;padding:0}
.rd .rd-state{white-space:nowrap}
.rd .rd-glyph{width:12px;height:12px;vertical-align:-1px;margin-right:5px;fill:none;stroke:currentColor;
stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round}
.rd .rd-full{fill:currentColor}
.rd.rd svg{max-width:none}
.rd svg text{font:12px var(--jp-content-font-family,system-ui,sans-serif);fill:currentColor}
.rd.rd ul{list-style:none;margin:0;padding:0}
.rd.rd ul.rd-inset{padding-left:14px}
.rd.rd dl{display:grid;grid-template-columns:max-content auto;gap:0 12px;margin:2px 0}
.rd.rd dt{color:var(--rd-quiet);font-weight:400}
.rd.rd dd{margin:0}
"""


@cache
def sheet_text() -> str:
    """The style sheet as text. O(1) after the first call."""
    inks = "".join(f".rd .rd-{name}{{color:var(--rd-{name})}}" for name in INKS)
    return f"{variables({**SURFACES, **INKS})}{RULES.replace(chr(10), '')}{inks}"


@cache
def sheet() -> Markup:
    """The style sheet as an element. O(1) after the first call."""
    return tag("style", Markup(sheet_text()))


def variables(colours: Mapping[str, Colour], alone: bool = False) -> str:
    """Colours as variables; in a file of its own (`alone`) without those of a notebook, as any viewer reads them. O(n).

    >>> variables({"page": Colour("#ffffff", "#111111")})
    '.rd{--rd-page:light-dark(#ffffff, #111111)}'
    """

    def rule(values: Mapping[str, str]) -> str:
        return f".rd{{{';'.join(f'--rd-{name}:{value}' for name, value in values.items())}}}"

    if not alone:
        return rule({name: colour.css for name, colour in colours.items()})
    dark = rule({name: colour.dark for name, colour in colours.items()})
    light = rule({name: colour.light for name, colour in colours.items()})
    return f"{light}@media (prefers-color-scheme:dark){{{dark}}}"


@cache
def packaged(package: str, name: str) -> str:
    """The text of a file that lies beside our modules. O(length) once."""
    return files(package).joinpath(name).read_text("utf-8")


def own_style(text: str) -> Markup:
    """A style sheet of ours: text that no user gave. O(length)."""
    return tag("style", Markup(text.replace("\n", "")))


def own_script(text: str) -> Markup:
    """A script of ours, so that a reader of XML takes it too. O(length)."""
    return tag("script", Markup(f"//<![CDATA[\n{text}\n//]]>"))


def picture(*inside: Content, label: str | None = None) -> Markup:
    """What stands in a cell: the style sheet and what is inside it, in an element of its own. O(length)."""
    return tag("div", sheet(), joined(*inside), class_="rd", aria_label=label, role=None if label is None else "group")


def page(title: str, body: Markup) -> Markup:
    """A page of its own with a picture on it. O(length)."""
    head = tag("head", tag("meta", charset="utf-8"), tag("title", title))
    return joined(Markup("<!doctype html>"), tag("html", head, tag("body", body), lang="en"))
