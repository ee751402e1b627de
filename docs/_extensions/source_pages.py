"""source/PATH: a page with line numbers for every Python file that the documentation links to.

In Markdown and in drawings such a link is written as it lies in the repository, `../lacss_tools/cells.py`, so that it
works there too.
"""

import os
import re
from pathlib import Path
from typing import Any

FOLDER = "source"
MARKDOWN = re.compile(r"(?<=\]\()(?:\.\./)+((?:lacss_tools|benchmarks)/[\w/]+\.py)(?=\))")
DRAWING = re.compile(r'(?<=href=")(?:\.\./)+((?:lacss_tools|benchmarks)/[\w/]+\.py)(?=")')
PAGE = """\
---
orphan: true
nosearch: true
---
# {path}

```{{literalinclude}} /../{path}
:language: python
:linenos:
```
"""


def linked_files(docs: Path) -> set[str]:
    """Return the files of the repository to which pages and drawings link."""
    texts = [path.read_text(encoding="utf-8") for kind in ("*.md", "*.svg") for path in docs.rglob(kind)]
    return {path for text in texts for pattern in (MARKDOWN, DRAWING) for path in pattern.findall(text)}


def _write_pages(app: Any) -> None:
    docs = Path(app.srcdir)
    for path in linked_files(docs):
        page = docs / FOLDER / f"{path}.md"
        page.parent.mkdir(parents=True, exist_ok=True)
        content = PAGE.format(path=path)
        if not page.exists() or page.read_text(encoding="utf-8") != content:
            page.write_text(content, encoding="utf-8")
    for page in (docs / FOLDER).rglob("*.md"):
        if str(page.relative_to(docs / FOLDER).with_suffix("")) not in linked_files(docs):
            page.unlink()


def _point_to_pages(app: Any, page: str, content: list[str]) -> None:
    if page.startswith(f"{FOLDER}/"):
        return
    up = os.path.relpath(FOLDER, os.path.dirname(page) or ".")  # noqa: PTH120
    text = MARKDOWN.sub(rf"/{FOLDER}/\1.md", content[0])
    content[0] = DRAWING.sub(rf"{up}/\1.html", text)


def setup(app: Any) -> dict[str, bool]:
    """Write the pages before Sphinx looks for pages; change links as pages are read."""
    app.connect("builder-inited", _write_pages)
    app.connect("source-read", _point_to_pages, priority=900)  # after drawings are put into their pages
    return {"parallel_read_safe": True}
