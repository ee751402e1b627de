"""Which pairs of LOIs a training takes for one cell, against the outlines, at several limits.

    python benchmarks/doubled.py PROJECT MODEL LABELS [--ambiguous FILE]

PROJECT holds images/, dapi/, lois/ and masks/; MODEL is a run trained on it, or weights; LABELS the outlines of its
images. A pair is right if one outline holds both of its LOIs. `--ambiguous` is as for `lacss eval`.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from lacss_tools.io.names import AUTO_NUCLEI
from lacss_tools.io.native import read_labels
from lacss_tools.io.nuclei import Wanted
from lacss_tools.io.project import list_images
from lacss_tools.network.weights import load_weights
from lacss_tools.points import values_at
from lacss_tools.train.doubled import cells_at, pairs_of, without_nuclei
from lacss_tools.train.folders import TrainingFolders, load_training_data

LIMITS = [(shared, kept) for kept in (0.4, 0.5, 0.6, 0.7) for shared in (0.1, 0.2, 0.3, 0.5)]
CPU = torch.device("cpu")


def main() -> None:
    """Print, for each pair of limits, how many LOIs are paired, rightly, and in ambiguous outlines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--ambiguous", type=Path)
    options = parser.parse_args()
    ambiguous = json.loads(options.ambiguous.read_text()) if options.ambiguous else {}
    model, scale = load_weights(options.model)
    model.eval()
    folders = TrainingFolders(*(options.project / kind for kind in ("images", "lois", "masks", "labels")))
    wanted = Wanted(None, AUTO_NUCLEI, None, options.project, None)
    data = load_training_data(
        folders, "weak", model.settings.cell_diameter, wanted=wanted, knows_nuclei=True, scale=scale
    )
    outlines = list_images(options.labels)
    print("| shared over | touching over | pairs | in one outline | of them ambiguous |\n|---|---|---|---|---|")
    drawn = [cells_at(model, without_nuclei(whole), CPU) for whole in data.images]
    for shared, kept in LIMITS:
        pairs = right = unsure = 0
        for name, whole, (numbers, cells) in zip(data.names, data.images, drawn, strict=True):
            labels = read_labels(outlines[name])
            places = (whole.lois.double().numpy() + 0.5) / data.scale - 0.5
            own = values_at(labels, places)[np.array(pairs_of(whole, numbers, cells, shared, kept), int).reshape(-1, 2)]
            same = (own[:, 0] == own[:, 1]) & (own[:, 0] > 0)
            pairs, right = pairs + len(own), right + int(same.sum())
            unsure += int(np.isin(own[same, 0], ambiguous.get(name, [])).sum())
        print(f"| {shared} | {kept} | {pairs} | {right} ({right / max(pairs, 1):.2f}) | {unsure} |")


if __name__ == "__main__":
    main()
