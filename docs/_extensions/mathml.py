"""Formulas as MathML, which browsers show by themselves: Sphinx's default would load a script from elsewhere."""

from typing import Any

from docutils import nodes


def _write(writer: Any, node: Any, display: str) -> None:
    from latex2mathml.converter import convert

    writer.body.append(convert(node.astext(), display=display))
    raise nodes.SkipNode


def _inline(writer: Any, node: Any) -> None:
    _write(writer, node, "inline")


def _block(writer: Any, node: Any) -> None:
    _write(writer, node, "block")


def setup(app: Any) -> dict[str, bool]:
    """Make it a renderer that conf.py can choose."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True}
