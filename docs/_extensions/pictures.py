"""Pictures that follow the colours of the page.

A drawing, `![text](NAME.svg)` alone in its paragraph, is put into the page itself, where its links work and the style
sheet reaches it. `![text](NAME-light.png)` is joined by NAME-dark.png, of which the page shows one.
"""

import re
from pathlib import Path
from typing import Any

DRAWING = re.compile(r"^!\[([^\]]*)\]\(([\w/.-]+\.svg)\)$", re.MULTILINE)
PAIR = re.compile(r"^!\[([^\]]*)\]\(([\w/.-]+)-light\.(png|jpg)\)$", re.MULTILINE)
TWO = "![{text}]({name}-light.{end}){{.only-light}}\n![{text}]({name}-dark.{end}){{.only-dark}}"


def _replace(app: Any, page: str, content: list[str]) -> None:
    folder = (Path(app.srcdir) / page).parent

    def inline(found: re.Match[str]) -> str:
        text, name = found.groups()
        svg = re.sub(r"<\?xml.*?\?>\s*", "", (folder / name).read_text(encoding="utf-8"))
        return f'```{{raw}} html\n<figure class="drawing" aria-label="{text}">\n{svg}</figure>\n```'

    def both(found: re.Match[str]) -> str:
        text, name, end = found.groups()
        return TWO.format(text=text, name=name, end=end) if (folder / f"{name}-dark.{end}").exists() else found[0]

    content[0] = PAIR.sub(both, DRAWING.sub(inline, content[0]))


def setup(app: Any) -> dict[str, bool]:
    """Change pictures as pages are read."""
    app.connect("source-read", _replace, priority=400)
    return {"parallel_read_safe": True}
