"""Is what the documents say still so? Links lead somewhere, command lines work, columns and messages exist."""

import ast
import dataclasses
import importlib.util
import json
import re
import shlex
from functools import cache
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import tifffile
import typer.main
from typer.testing import CliRunner

import lacss_tools
from lacss_tools.annotate.candidates.settings import CutSettings
from lacss_tools.annotate.candidates.steps import NUCLEI_HEADER
from lacss_tools.annotate.check.findings import KINDS
from lacss_tools.annotate.lois.settings import LoiSettings
from lacss_tools.annotate.pick import journal
from lacss_tools.annotate.settings import CellSettings
from lacss_tools.cli import app
from lacss_tools.errors import LacssError
from lacss_tools.evaluate.steps import CELLS_HEADER
from lacss_tools.export.facts import Facts, Normalisation
from lacss_tools.formats import nuclei, table
from lacss_tools.io.candidates import CutNotes, write_candidates
from lacss_tools.io.lois import LOI_HEADER, write_lois
from lacss_tools.io.native import write_mask
from lacss_tools.io.stems import own_patterns
from lacss_tools.metrics.metrics import Evaluation, ImageResult
from lacss_tools.metrics.tally import Rates
from lacss_tools.network.settings import ModelSettings
from lacss_tools.predict import record
from lacss_tools.predict.settings import ImageSettings, PredictSettings, TileSettings
from lacss_tools.predict.steps import Order
from lacss_tools.train import seeds
from lacss_tools.train.settings import TrainSettings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
BUILT = (DOCS / "commands.md", DOCS / "examples", DOCS / "source")
"""what the build of the site writes among the pages"""
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *(path for path in sorted(DOCS.rglob("*.md")) if not any(path.is_relative_to(built) for built in BUILT)),
]
FENCED = re.compile(r"^```(\w*).*?\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^ {4}.*\n)+", re.MULTILINE)
CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMANDS = typer.main.get_command(app).commands
IMAGEJ = {"ImageJ", "images", "slices", "hyperstack", "mode", "Labels"}


def names(pages):
    return [str(page.relative_to(ROOT)) for page in pages]


@cache
def extension(name):
    """Import one of the modules that the build of the site uses."""
    spec = importlib.util.spec_from_file_location(name, DOCS / "_extensions" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def text_of(page):
    return extension("command_pages").page(app) if page == DOCS / "commands.md" else page.read_text(encoding="utf-8")


def prose(text):
    return FENCED.sub("", text)


@cache
def anchors(page):
    text = prose(text_of(page))
    headings = (re.sub(r"[^\w\- ]", "", line.lower()) for line in re.findall(r"^#+ (.+)$", text, re.MULTILINE))
    return {heading.strip().replace(" ", "-") for heading in headings} | set(re.findall(r"^\((\S+)\)=$", text, re.M))


# ---- links ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_relative_link_leads_to_a_file_and_a_heading(page):
    for link in LINK.findall(CODE.sub("", prose(text_of(page)))):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if target.parent == DOCS / "examples":
            target = ROOT / "examples" / f"{target.stem}.ipynb"
        assert target.exists() or target == DOCS / "commands.md", f"{link} leads nowhere"
        assert not anchor or anchor in anchors(target), f"{link}: no such heading"


def test_every_box_of_the_drawing_leads_to_a_file():
    links = re.findall(r'href="([^"]+)"', (DOCS / "how-it-works.svg").read_text(encoding="utf-8"))
    assert len(links) > 20
    assert [link for link in links if not (DOCS / link).resolve().is_file()] == []


def test_every_page_is_in_a_table_of_contents():
    listed = set()
    for page in PAGES:
        for body in re.findall(r"^```{toctree}\n(.*?)^```", text_of(page), re.MULTILINE | re.DOTALL):
            lines = (re.sub(r".*<(.*)>", r"\1", line) for line in body.splitlines() if line and line[0] != ":")
            listed |= {path for line in lines for path in page.parent.glob(f"{line}.md")}
    inside = [page for page in PAGES if page.is_relative_to(DOCS) and page != DOCS / "index.md"]
    assert sorted(set(inside) - listed) == []


# ---- command lines --------------------------------------------------------------------------------------------------


def command_lines(text):
    """Yield the lines of code blocks that call lacss, without prompt and comment."""
    blocks = chain((body for _, body in FENCED.findall(text)), INDENTED.findall(prose(text)))
    for line in chain.from_iterable(block.splitlines() for block in blocks):
        words = line.strip().removeprefix("$ ").removeprefix("# ")
        if words.startswith("lacss ") and "..." not in words:
            yield shlex.split(words, comments=True)[1:]


def parse(words):
    """Parse a command line without running it; click's error says what is wrong with it."""
    if words[0].startswith("--"):
        assert words[0] in {name for option in typer.main.get_command(app).params for name in option.opts}
        return
    assert words[0] in COMMANDS, f"there is no command {words[0]}"
    with own_patterns():  # a parsed --pattern holds
        COMMANDS[words[0]].make_context(words[0], words[1:])


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_command_lines_in_code_blocks_are_accepted(page):
    for words in command_lines(text_of(page)):
        parse(words)


@pytest.mark.parametrize("line", ["predict", "train --minuets 3", "graphcat images", "predict m i --min-score high"])
def test_a_wrong_command_line_would_be_noticed(line):
    with pytest.raises((AssertionError, Exception)) as error:
        parse(line.split())
    assert re.search("Missing|No such option|no command|valid", str(error.value))


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_commands_and_options_in_running_text_exist(page):
    for code in CODE.findall(prose(text_of(page))):
        words = code.split()
        if words[0] != "lacss" or len(words) < 2 or not words[1].islower() or words[1].startswith("-"):
            continue
        assert words[1] in COMMANDS, code
        known = {name for p in COMMANDS[words[1]].params for name in (*p.opts, *p.secondary_opts)}
        assert {word for word in words[2:] if word.startswith("--")} <= known, code


def test_every_command_is_introduced():
    text = text_of(ROOT / "README.md") + text_of(DOCS / "tutorial.md")
    assert [name for name in COMMANDS if f"lacss {name}" not in text] == []


def test_the_reference_lists_every_option_of_every_command():
    text = text_of(DOCS / "commands.md")
    for name, command in COMMANDS.items():
        section = re.search(rf"^## lacss {name}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)[1]
        for option in (p for p in command.params if p.param_type_name == "option"):
            assert f"`{option.opts[0]}" in section, f"{name} {option.opts[0]}"


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_python_in_code_blocks_is_python(page):
    for language, body in FENCED.findall(text_of(page)):
        if language == "python":
            compile(body, str(page), "exec")


# ---- columns, keys, messages ----------------------------------------------------------------------------------------


def fields(*kinds):
    return {field.name for kind in kinds for field in dataclasses.fields(kind)}


@pytest.fixture
def checked(tmp_path):
    """What `lacss check --json` says of one image."""
    write_lois(tmp_path / "lois" / "a.csv", np.array([[8.0, 8.0]]), np.ones(1))
    write_mask(tmp_path / "masks" / "a.tif", np.ones((16, 16), bool))
    (tmp_path / "dapi").mkdir()
    tifffile.imwrite(tmp_path / "dapi" / "a.tif", np.arange(256, dtype=np.uint8).reshape(16, 16))
    result = CliRunner().invoke(app, ["check", "--json", "--project", str(tmp_path)])
    return json.loads(result.stdout)


def test_every_column_and_key_is_explained(tmp_path, checked):
    known = set(re.findall(r"\w+", " ".join(CODE.findall(text_of(DOCS / "file-formats.md")))))
    notes = CutNotes(False, 0.1, CutSettings().to_text(), "lois", 1, 0)
    write_candidates(tmp_path / "c.tif", np.ones((1, 4, 4), bool), [0.5], notes)
    with tifffile.TiffFile(tmp_path / "c.tif") as tiff:
        candidates = set(tiff.imagej_metadata) - IMAGEJ
    (tmp_path / "m.safetensors").write_bytes(b"")
    made_by = record.describe(
        Order(tmp_path / "m.safetensors", tmp_path, ("csv",), lois=tmp_path, nuclei_labels=tmp_path)
    )
    for what in (
        {
            *LOI_HEADER,
            *NUCLEI_HEADER,
            *nuclei.HEADER,
            *journal.HEADER,
            *seeds.HEADER,
            *CELLS_HEADER,
            *table.HEADER,
            table.RELATIVE,
            *table.PHYSICAL,
        },
        candidates | fields(CutSettings, TrainSettings, ModelSettings, LoiSettings, CellSettings),
        {*made_by.facts, *made_by.notes} | fields(PredictSettings, ImageSettings, TileSettings),
        fields(Evaluation, Rates, ImageResult) - {"rates"},
        {
            *checked,
            *checked["images"][0],
            *checked["images"][0]["findings"][0],
            *checked["advice"][0],
            *checked["missing"],
        },
    ):
        assert what - known == set()


def test_every_key_of_an_export_is_explained():
    known = set(CODE.findall(text_of(DOCS / "export.md")))
    kinds = (Facts, Normalisation, PredictSettings)
    assert {item.name for kind in kinds for item in dataclasses.fields(kind)} - known == set()


@cache
def literals():
    """Return all text in the package's code, with formatted values left out."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in Path(lacss_tools.__path__[0]).rglob("*.py"))
    constants = (node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return [text for text in constants if isinstance(text, str)]


def quoted_messages():
    text = text_of(DOCS / "troubleshooting.md")
    tables = re.findall(r"^\| the message says .*\n\|.*\n((?:\|.*\n)+)", text, re.MULTILINE)
    symptoms = re.findall(r"^\| (`….*?`) \|", text, re.MULTILINE)
    return {CODE.search(row)[1] for row in (*chain.from_iterable(t.splitlines() for t in tables), *symptoms)}


@pytest.mark.parametrize("message", sorted(quoted_messages()))
def test_quoted_messages_are_what_the_program_says(message):
    said = re.sub(r"--([a-z-]+)", lambda flag: f"`{flag[1].replace('-', '_')}`", message)  # below the command line
    for part in filter(None, (part.strip() for part in said.split("…"))):
        assert any(part in text for text in literals()), f"nothing says {part!r}"


def test_every_finding_and_exit_code_is_explained():
    text = text_of(DOCS / "troubleshooting.md")
    assert [kind for kind in KINDS if f"| `{kind}` |" not in text] == []
    codes = {kind.exit_code for kind in (LacssError, *LacssError.__subclasses__())}
    assert [code for code in codes if f"\n| {code} |" not in text] == []
