"""Self-contained HTML pages: one style, inline pictures, nothing loaded from elsewhere."""

import base64
from html import escape

import numpy as np

from lacss_tools.screen.draw import data_uri

STYLE = """
:root { color-scheme: light dark; --ink: #1d2733; --soft: #5b6875; --line: #d9dfe5; --back: #ffffff; --card: #f5f7f9;
  --accent: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf0; --soft: #9aa7b4; --line: #33404c; --back: #12181e;
  --card: #1b232b; --accent: #56b4e9; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.5rem 5rem; max-width: 68rem; background: var(--back); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .3rem; } h2 { margin: 3rem 0 .4rem; font-size: 1.35rem; }
p { max-width: 46rem; } .soft { color: var(--soft); } a { color: var(--accent); }
code, pre { font: .88em/1.6 ui-monospace, Menlo, Consolas, monospace; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: .7rem 1rem; overflow-x: auto; }
.row { display: grid; gap: .7rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, var(--least, 15rem)), 1fr)); }
figure { margin: 0; } figure img { width: 100%; display: block; border-radius: 4px; border: 1px solid var(--line); }
figcaption { font-size: .86rem; color: var(--soft); padding: .3rem .1rem; }
.plot img { background: #fff; padding: .4rem; }
@media (prefers-color-scheme: dark) { .plot img { filter: invert(.9) hue-rotate(180deg); border: 0; } }
.picked img { outline: 3px solid var(--accent); outline-offset: 1px; }
.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .8rem; margin: 1.2rem 0; }
.numbers div { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .7rem 1rem; }
.numbers b { display: block; font-size: 1.5rem; white-space: nowrap; font-variant-numeric: tabular-nums; line-height: 1.2; }
.numbers span { display: block; font-size: .82rem; line-height: 1.35; color: var(--soft); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { padding: .28rem .8rem; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
.key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; vertical-align: -.05em; }
"""


def page(title: str, body: str) -> str:
    """Return a whole HTML page."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>\n{body}\n</body></html>\n"
    )


def picture(pixels: np.ndarray, caption: str, kind: str = "", quality: int | None = None) -> str:
    """Return a figure of (y, x) or (y, x, 3) uint8 pixels; `caption` is HTML; `quality` makes it a JPEG, else a PNG."""
    source = data_uri(pixels, quality)
    return f'<figure class="{kind}"><img alt="" src="{source}"><figcaption>{caption}</figcaption></figure>'


def plot(png: bytes, caption: str = "") -> str:
    """Return a figure of a PNG file's bytes."""
    source = "data:image/png;base64," + base64.b64encode(png).decode()
    return f'<figure class="plot"><img alt="" src="{source}"><figcaption>{caption}</figcaption></figure>'


def row(figures: list[str], least: str = "15rem") -> str:
    """Return figures side by side, as many as fit at the width `least`."""
    return f'<div class="row" style="--least:{least}">{"".join(figures)}</div>'


def numbers(pairs: list[tuple[str, str]]) -> str:
    """Return large numbers, each with what it means."""
    cells = "".join(f"<div><b>{escape(value)}</b><span>{escape(name)}</span></div>" for name, value in pairs)
    return f'<div class="numbers">{cells}</div>'


def table(header: list[str], rows: list[list[str]]) -> str:
    """Return a table of text."""
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    lines = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"


def key(colour: tuple[int, int, int], meaning: str) -> str:
    """Return a small square of `colour` with its meaning."""
    return f'<span class="key" style="background:rgb{colour}"></span> {escape(meaning)}'
