"""examples/NAME.md: the notebooks of examples/, executed and rendered with their pictures.

A notebook runs in an empty folder of its own, and again only when it or the package has changed. An error in it ends
the build.
"""

import hashlib
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
    for notebook in notebooks:
        _render(_executed(notebook, root), pages, notebook.stem)


def _executed(notebook: Path, root: Path) -> Any:
    """Return the notebook with its outputs, from the cache where nothing has changed."""
    import nbformat
    from nbclient import NotebookClient

    cached = root / ".docs-cache" / f"{notebook.stem}-{_fingerprint(notebook, root / 'lacss_tools')}.ipynb"
    if cached.exists():
        return nbformat.read(cached, as_version=4)
    content = nbformat.read(notebook, as_version=4)
    with TemporaryDirectory() as scratch:
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


def _fingerprint(notebook: Path, package: Path) -> str:
    digest = hashlib.sha256(notebook.read_bytes())
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
    text = text.replace("](../docs/", "](../")  # links as they lie in the repository
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
