"""examples/NAME.md: the notebooks of examples/, executed and rendered with their pictures.

They run one after another in one folder, so that a later one finds the model of an earlier one, and again only when
they or the package have changed. An error ends the build. EXAMPLE_STEPS=60 in the environment shortens trainings.
"""

import hashlib
import os
import re
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

FOLDER = "examples"
SECONDS = 900
"""a notebook may take"""


def _render_all(app: Any) -> None:
    pages, root = Path(app.srcdir) / FOLDER, Path(app.srcdir).parent
    notebooks = sorted((root / FOLDER).glob("*.ipynb"))
    shutil.rmtree(pages, ignore_errors=True)
    with TemporaryDirectory() as scratch:
        for notebook in notebooks:
            _render(_executed(notebook, root, scratch), pages, notebook.stem)


def _executed(notebook: Path, root: Path, scratch: str) -> Any:
    """Return the notebook with its outputs, run in the folder `scratch` or from the cache where nothing has changed."""
    import nbformat
    from nbclient import NotebookClient

    text = notebook.read_text(encoding="utf-8")
    if steps := os.environ.get("EXAMPLE_STEPS"):
        text = re.sub(r"STEPS = \d+", f"STEPS = {int(steps)}", text)
    cached = root / ".docs-cache" / f"{notebook.stem}-{_fingerprint(text, root / 'lacss_tools')}.ipynb"
    if cached.exists():
        return nbformat.read(cached, as_version=4)
    content = nbformat.reads(text, as_version=4)
    client = NotebookClient(
        content,
        timeout=SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": scratch}},
        extra_arguments=["--log-level=ERROR"],
    )
    client.execute()
    cached.parent.mkdir(exist_ok=True)
    nbformat.write(content, cached)
    return content


def _fingerprint(notebook: str, package: Path) -> str:
    digest = hashlib.sha256(notebook.encode())
    for path in sorted(package.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _render(content: Any, pages: Path, name: str) -> None:
    """Write one page and the pictures that it shows."""
    from nbconvert import MarkdownExporter

    files = f"{name}_files"
    text, resources = MarkdownExporter().from_notebook_node(content, resources={"output_files_dir": files})
    for path, data in resources["outputs"].items():
        (pages / path).parent.mkdir(parents=True, exist_ok=True)
        (pages / path).write_bytes(data)
    text = text.replace("](../docs/", "](../").replace(".ipynb)", ".md)")  # links as they lie in the repository
    pages.mkdir(exist_ok=True)
    origin = f"*This page is the notebook `{FOLDER}/{name}.ipynb`, executed when the site was built.*\n"
    (pages / f"{name}.md").write_text(f"{text.rstrip()}\n\n{origin}", encoding="utf-8")


def _leave_out(app: Any, page: str, content: list[str]) -> None:
    """Take the entry of the examples out of tables of contents while there are none."""
    if not (Path(app.srcdir) / FOLDER).exists():
        content[0] = content[0].replace(f"\n{FOLDER}/*\n", "\n")


def setup(app: Any) -> dict[str, bool]:
    """Render the notebooks before Sphinx looks for pages."""
    app.connect("builder-inited", _render_all)
    app.connect("source-read", _leave_out)
    return {"parallel_read_safe": True}
