"""How the package is built and how fast it opens: sizes of functions, files and rooms, and the time of a first look.

    python benchmarks/structure.py

Prints the figures of "Structure" in docs/results.md. A body is a function without its signature and docstring.
"""

import ast
import statistics
import subprocess
import sys
import time
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "lacss_tools"
RUNS = 7
"""of each command; the median counts"""


def body_lengths(tree: ast.Module) -> list[int]:
    """Return the lines of each function's body."""
    lengths = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            if body:
                lengths.append((body[-1].end_lineno or 0) - body[0].lineno + 1)
    return lengths


def room(path: Path) -> str:
    """Return the room of a file: its folder in the package, in annotate/ the one below."""
    parts = path.relative_to(PACKAGE).parts[:-1]
    return "/".join(parts[:2] if parts[:1] == ("annotate",) else parts[:1]) or "(root)"


def processor_seconds(program: str) -> float:
    """Return the median processor time that `program` takes after Python has started."""
    times = []
    for _ in range(RUNS):
        line = f"import time\n{program}\nimport sys\nprint(time.process_time(), file=sys.stderr)"
        done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True)
        times.append(float(done.stderr.split()[-1]))
    return statistics.median(times) - (0.0 if program == "pass" else processor_seconds("pass"))


def wall_seconds(line: list[str]) -> float:
    """Return the median time by the clock of a command, Python's start included."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        subprocess.run(line, capture_output=True, check=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Print the figures."""
    files = {path: path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
    lines = {path: text.count("\n") for path, text in files.items()}
    bodies = sorted(length for text in files.values() for length in body_lengths(ast.parse(text)))
    print(f"function bodies: {len(bodies)}, median {statistics.median(bodies):g}, p90 {bodies[len(bodies) * 9 // 10]}, "
          f"longest {bodies[-1]} lines")  # fmt: skip
    long = [f"{path.relative_to(PACKAGE)} {count}" for path, count in lines.items() if count > 300]
    print(f"files over 300 lines: {', '.join(long) or 'none'}")
    rooms: dict[str, int] = {}
    for path, count in lines.items():
        rooms[room(path)] = rooms.get(room(path), 0) + count
    largest = max(rooms, key=lambda name: rooms[name])
    print(f"largest room: {largest}, {rooms[largest] / sum(rooms.values()):.1%} of {sum(rooms.values())} lines")
    print(f"lines with dict[str, Any]: {sum(text.count('dict[str, Any]') for text in files.values())}")
    print(f"exceptions to import contracts: {(PACKAGE.parent / 'pyproject.toml').read_text().count('ignore_imports')}")
    print(f"import lacss_tools: {processor_seconds('import lacss_tools'):.3f} s of processor time")
    print(f"lacss --help: {wall_seconds([sys.executable, '-m', 'lacss_tools', '--help']):.2f} s by the clock")


if __name__ == "__main__":
    main()
