"""The notebooks run from top to bottom (here, without a kernel), are short, and are stored as they should be."""

import re
import shlex
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import nbformat
import pytest
import typer.main

from lacss_tools.cli import app

EXAMPLES = Path(__file__).parent.parent / "examples"
NOTEBOOKS = sorted(path.stem for path in EXAMPLES.glob("*.ipynb"))
MOST_LINES = 60
COMMANDS = typer.main.get_command(app).commands
STEPS, TO_FIND_CELLS = 5, 60
"""steps of training, and those after which the tiny network finds something to measure"""


def read(name):
    return nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=nbformat.NO_CONVERT)


def code(book):
    return [cell.source for cell in book.cells if cell.cell_type == "code"]


def test_all_notebooks_are_there_and_listed():
    assert [name[:2] for name in NOTEBOOKS] == ["01", "02", "03", "04", "05"]
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"\]\((.*)\.ipynb\)", text) == NOTEBOOKS


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_stored_without_output_and_is_short(name):
    book = read(name)
    nbformat.validate(book)
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)
    lines = [line for source in code(book) for line in source.splitlines() if line.strip()]
    assert len(lines) < MOST_LINES
    assert all(len(line) <= 120 for line in lines)
    assert book.cells[0].source.startswith(f"# {int(name[:2])}. ")
    for target in re.findall(r"\]\(([^)#]+)\)", "\n".join(cell.source for cell in book.cells)):
        assert target.startswith("https://") or (EXAMPLES / target).exists(), target


@pytest.mark.usefixtures("tiny_preset", "one_thread")
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_and_draws(name, tmp_path, monkeypatch, capsys):
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    steps, here, figures = TO_FIND_CELLS if name == "03_segment_and_measure" else STEPS, {}, 0
    for source in code(read(name)):
        exec(compile(re.sub(r"^STEPS = \d+", f"STEPS = {steps}", source, flags=re.M), name, "exec"), here)
        for number in plt.get_fignums():
            plt.figure(number).canvas.draw()
            figures += 1
        plt.close("all")
    assert figures >= 1
    assert capsys.readouterr().out


# ---- scripts for clusters -------------------------------------------------------------------------------------------

CLUSTER = sorted(path for path in (EXAMPLES / "cluster").iterdir() if path.name != "README.md")


@pytest.mark.parametrize("path", CLUSTER, ids=lambda path: path.name)
def test_the_command_lines_of_a_cluster_script_are_accepted(path):
    text = path.read_text(encoding="utf-8").replace('"', "")
    values = {r"\$SLURM_ARRAY_TASK_ID|\$?{(wildcards\.)?share}": "3", r"\$SHARDS|{SHARDS}|\${params\.shards}": "8"}
    for pattern, value in (*values.items(), (r"\${[^}]*}", "some")):
        text = re.sub(pattern, value, text)
    lines = [line for line in re.findall(r"lacss [a-z-]+ [^&\n]*", text) if "--" in line]
    assert any("--shard 3/8" in line for line in lines)
    for name, *words in (shlex.split(line)[1:] for line in lines):
        COMMANDS[name].make_context(name, words)
    assert path.name in (EXAMPLES / "cluster" / "README.md").read_text(encoding="utf-8")
