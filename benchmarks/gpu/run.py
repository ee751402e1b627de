"""Everything about a GPU in one call, without network: is it right, how fast, and what is learned in minutes.

    python benchmarks/gpu/run.py --out DIR [--phases correctness,training,...] [--device cuda]

Each phase stands alone: one that fails prints why and the next begins. All figures are in DIR/results.json, rewritten
whenever there is a new one. See README.md.
"""

import argparse
import faulthandler
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))
STUCK = 120.0
"""seconds after which, again and again, all threads tell where they are"""
BLOCKED = ("maxflow", "roifile", "pycocotools", "imagecodecs")
"""packages that training and prediction of arrays do without"""


def options_of() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--phases", default="correctness,training,learning,precision,prediction")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--data", type=Path, default=HERE / "data" / "cil.npz")
    parser.add_argument("--seconds-scale", type=float, default=1.0, help="of all budgets; below 0.1 to rehearse")
    parser.add_argument("--learn-seconds", type=float, default=180.0, help="of each training")
    parser.add_argument("--paper-seconds", type=float, default=180.0, help="of the training of ResNet-50")
    parser.add_argument("--weak-steps", type=int, default=3000, help="of each training of the phases weak and nuclei")
    parser.add_argument("--only", nargs="*", default=[], help="titles of trainings of the phases nuclei and weak")
    parser.add_argument("--seeds", type=int, default=2, help="of each training of the phases recipes, weak and nuclei")
    parser.add_argument("--training-seconds", type=float, default=240.0, help="after which that phase begins no more")
    parser.add_argument("--lessons", type=int, default=4, help="how many trainings of the phase learning")
    parser.add_argument("--most-seconds", type=float, default=1200.0, help="after which nothing new begins")
    parser.add_argument("--compile", action="store_true", help="measure torch.compile too, which takes minutes")
    parser.add_argument("--images", type=int, help="use only the first so many, to rehearse")
    return parser.parse_args()


def describe(device: Any) -> dict[str, Any]:
    """Return what the machine is."""
    import torch

    facts = {"torch": torch.__version__, "cores": len(os.sched_getaffinity(0)), "python": sys.version.split()[0]}
    if device.type == "cuda":
        card = torch.cuda.get_device_properties(device)
        facts |= {"card": card.name, "memory_gb": round(card.total_memory / 2**30, 1), "cuda": torch.version.cuda}
    return facts


def table(results: dict[str, Any]) -> None:
    """Print one line per figure that fits into one."""
    print("\n| phase | what | figures |\n|---|---|---|")
    for phase, rows in results.items():
        for name, value in rows.items():
            short = (
                {k: v for k, v in value.items() if k not in ("curve", "longest")} if isinstance(value, dict) else value
            )
            text = ", ".join(f"{k} {v}" for k, v in short.items()) if isinstance(short, dict) else str(short)
            print(f"| {phase} | {name} | {text} |")


def main() -> None:
    """Run the phases."""
    begun, options = time.perf_counter(), options_of()
    for name in BLOCKED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    from lacss_tools.network.device import choose_device, tune

    from bench import Bench
    from correctness import correctness
    from learning import learning, nuclei, precision, recipes, weak
    from peers import cellpose
    from prediction import prediction
    from training import prove, training

    known = (correctness, training, learning, precision, prediction, recipes, weak, nuclei, cellpose)
    phases = {phase.__name__: phase for phase in known}
    device = choose_device(options.device)
    tune(device)
    options.out.mkdir(parents=True, exist_ok=True)
    bench = Bench(
        device, options.out, options.data, options.seconds_scale, options.learn_seconds, options.paper_seconds,
        options.training_seconds,
        options.compile, options.lessons, options.seeds, options.weak_steps, options.images,
        tuple(options.only), begun + options.most_seconds,
    )  # fmt: skip
    bench.keep("machine", "facts", describe(device))
    faulthandler.dump_traceback_later(STUCK, repeat=True)
    prove(bench)
    for name in options.phases.split(","):
        if bench.late:
            break
        start = time.perf_counter()
        print(f"{name}:", flush=True)
        try:
            phases[name](bench)
        except Exception:
            traceback.print_exc()
            bench.keep(name, "failed", traceback.format_exc()[-1500:])
        bench.keep("machine", f"seconds of {name}", round(time.perf_counter() - start, 1))
    table(bench.results)


if __name__ == "__main__":
    main()
