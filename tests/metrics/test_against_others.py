"""Our numbers against those of independent implementations, on thousands of random fields."""

import contextlib
import importlib.util
import io
import sys
import types

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from skimage.metrics import contingency_table

from lacss_tools.cells import cells_from_labels
from lacss_tools.metrics.average_precision import coco_ap
from lacss_tools.metrics.metrics import THRESHOLDS, compare, evaluate, iou_matrix, pooled_hits, pooled_scores
from tests.made_up import disturbed_cells, full_masks, overlapping, random_pair

CASES = 25
seeds = st.integers(0, 2**32 - 1)


def same(ours, theirs):
    assert (ours is None) == (theirs is None)
    assert ours is None or ours == pytest.approx(theirs, abs=1e-9)


def coco_precision(cases):
    """COCO's AP at each threshold for each case, a list of (detections, truth) per image; -1 where undefined."""
    from pycocotools import mask as rle
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    images, truths, found = [], [], []
    for category, fields in enumerate(cases, start=1):
        for image, (detections, truth) in enumerate(fields, start=1):
            common = {"image_id": image, "category_id": category}
            # of equal IoUs COCO takes the last, we the first
            for mask in full_masks(truth)[::-1]:
                code = rle.encode(np.asfortranarray(mask.astype(np.uint8)))
                box = rle.toBbox(code).tolist()
                truths.append({**common, "id": len(truths) + 1, "segmentation": code, "area": int(mask.sum()),
                               "bbox": box, "iscrowd": 0})  # fmt: skip
            for mask, score in zip(full_masks(detections), detections.scores.tolist(), strict=True):
                found.append({**common, "segmentation": rle.encode(np.asfortranarray(mask.astype(np.uint8))),
                              "score": score})  # fmt: skip
    shape = cases[0][0][0].shape
    images = [{"id": k, "height": shape[0], "width": shape[1]} for k in range(1, 1 + max(map(len, cases)))]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        categories = [{"id": k, "name": str(k)} for k in range(1, len(cases) + 1)]
        coco.dataset = {"images": images, "annotations": truths, "categories": categories}
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(found) if found else COCO(), "segm")
        evaluation.params.maxDets = [10000]
        evaluation.params.iouThrs = np.array(THRESHOLDS)
        evaluation.params.catIds = list(range(1, len(cases) + 1))
        evaluation.params.imgIds = [image["id"] for image in images]
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"][:, :, :, 0, 0].mean(axis=1).T


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_coco_ap_equals_pycocotools_on_overlapping_cells(seed):
    rng = np.random.default_rng(seed)
    cases = []
    for _ in range(CASES):
        truth = [overlapping(rng) for _ in range(2)]
        cases.append([(overlapping(rng) if rng.random() < 0.2 else disturbed_cells(rng, t), t) for t in truth])
    if not any(len(detections) for fields in cases for detections, _ in fields):
        return
    for fields, expected in zip(cases, coco_precision(cases), strict=True):
        matched = [compare(*field) for field in fields]
        count = sum(len(truth) for _, truth in fields)
        for hits, theirs in zip(pooled_hits(matched), expected, strict=True):
            same(coco_ap(hits, pooled_scores(matched), count), None if theirs == -1 else float(theirs))


def test_pycocotools_is_asked_a_question_that_can_fail():
    rng = np.random.default_rng(1)
    truth = overlapping(rng, most=6)
    while len(truth) < 4:
        truth = overlapping(rng)
    whole, half = coco_precision([[(truth, truth)], [(truth.select(np.arange(2)), truth)]])
    assert whole.tolist() == [1.0] * 10
    assert (half < 0.7).all()


def stardist_matching():
    """StarDist's module of metrics alone: without its networks, and with numba's compiler and csbdeep stood in for."""
    spec = importlib.util.find_spec("stardist")
    if spec is None or spec.origin is None:
        pytest.skip("stardist is not installed (pip install --no-deps stardist)")
    stand_ins = {
        "numba": {"jit": lambda *_, **__: lambda function: function},
        "csbdeep": {},
        "csbdeep.utils": {"_raise": lambda error: (_ for _ in ()).throw(error)},
        "tqdm": {"tqdm": lambda items, **_: items},
    }
    here = {}
    for name, contents in stand_ins.items():
        here[name] = types.ModuleType(name)
        vars(here[name]).update(contents)
    path = spec.origin.replace("__init__.py", "matching.py")
    spec = importlib.util.spec_from_file_location("stardist_matching", path)
    module = importlib.util.module_from_spec(spec)
    kept = {name: sys.modules.get(name) for name in here}
    sys.modules.update(here)
    try:
        spec.loader.exec_module(module)
    finally:
        for name, old in kept.items():
            if old is None:
                del sys.modules[name]
            else:
                sys.modules[name] = old
    return module


@settings(max_examples=12, deadline=None)
@given(seeds)
def test_counts_equal_stardist(seed):
    matching = stardist_matching().matching
    rng = np.random.default_rng(seed)
    pairs, ours = evaluated(rng)
    for (found, truth), line in zip(pairs, ours.images, strict=True):
        theirs = matching(truth, found, thresh=0.5)
        assert (line.tp, line.fp, line.fn) == (theirs.tp, theirs.fp, theirs.fn)
        counted = [(line.accuracy50, theirs.accuracy), (line.precision50, theirs.precision),
                   (line.recall50, theirs.recall), (line.f1_50, theirs.f1)]  # fmt: skip
        for mine, other in counted:  # what is undefined here is 0 there
            assert (mine or 0.0) == pytest.approx(other, abs=1e-9)
        for mine, other in ((line.pq50, theirs.panoptic_quality), (line.sq50, theirs.mean_matched_score)):
            assert (mine or 0.0) == pytest.approx(other, abs=1e-6)  # StarDist computes IoU in single precision


def evaluated(rng):
    pairs = [random_pair(rng) for _ in range(CASES)]
    return pairs, evaluate([(cells_from_labels(found), cells_from_labels(truth)) for found, truth in pairs], 0.0)


def naive_counts(found, truth, threshold):
    """TP, FP, FN and the IoU of the TP as Cellpose and StarDist define them: the assignment with most pairs."""
    table = contingency_table(truth, found).toarray()
    union = table.sum(axis=1, keepdims=True) + table.sum(axis=0, keepdims=True) - table
    iou = (table / np.maximum(union, 1))[1:, 1:]
    iou = iou[np.unique(truth)[np.unique(truth) > 0] - 1][:, np.unique(found)[np.unique(found) > 0] - 1]
    small = max(2 * min(iou.shape), 1)
    rows, columns = linear_sum_assignment(-(iou >= threshold).astype(float) - iou / small)
    good = iou[rows, columns] >= threshold
    tp = int(good.sum())
    return tp, iou.shape[1] - tp, iou.shape[0] - tp, float(iou[rows, columns][good].sum())


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_numbers_equal_their_definitions_on_whole_images(seed):
    """Cellpose's accuracy, PQ, SEG and AJI+, from skimage's contingency table."""
    pairs, ours = evaluated(np.random.default_rng(seed))
    for (found, truth), line in zip(pairs, ours.images, strict=True):
        tp, fp, fn, iou = naive_counts(found, truth, 0.5)
        same(line.accuracy50, tp / (tp + fp + fn) if tp + fp + fn else None)
        same(line.pq50, iou / (tp + fp / 2 + fn / 2) if tp + fp + fn else None)
        seg, expected = naive_areas(found, truth, line.aji_plus)
        same(line.seg, seg)
        same(line.aji_plus, expected)
    for k, threshold in enumerate(THRESHOLDS):
        tp, fp, fn, iou = np.sum([naive_counts(found, truth, threshold) for found, truth in pairs], axis=0)
        same(ours.rates.accuracy[k], tp / (tp + fp + fn))
        same(ours.rates.pq[k], iou / (tp + fp / 2 + fn / 2))
        same(ours.rates.fnr[k], fn / (tp + fn))


def naive_areas(found, truth, tie):
    """SEG and AJI+ of one field."""
    cells, real = ([image == n for n in np.unique(image[image > 0])] for image in (found, truth))
    shared = np.array([[[(r & c).sum(), (r | c).sum()] for c in cells] for r in real]).reshape(len(real), len(cells), 2)
    iou = shared[..., 0] / np.maximum(shared[..., 1], 1)
    covering = [[j for j in range(len(cells)) if 2 * shared[i, j, 0] > r.sum()] for i, r in enumerate(real)]
    seg = float(np.mean([iou[i, j[0]] if j else 0.0 for i, j in enumerate(covering)])) if real else None
    return seg, aji_plus(iou, shared, found, truth, tie)


def aji_plus(iou, shared, found, truth, tie):
    rows, columns = linear_sum_assignment(iou, maximize=True)
    # other pairings with the same sum of IoU are as good; then the definition does not decide
    for seed in range(4):
        other = linear_sum_assignment(iou + np.random.default_rng(seed).random(iou.shape) * 1e-9, maximize=True)
        if (other[1] != columns).any():
            return tie
    real = iou[rows, columns] > 0
    common, union = shared[rows[real], columns[real]].sum(axis=0)
    paired = common + union  # areas of both sides
    everything = np.count_nonzero(found) + np.count_nonzero(truth)
    return (common / (union + everything - paired)) if everything else None


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_iou_equals_pycocotools(seed):
    from pycocotools import mask as rle

    rng = np.random.default_rng(seed)
    for _ in range(CASES):
        truth = overlapping(rng)
        found = disturbed_cells(rng, truth)
        if not len(truth):
            continue
        codes = [[rle.encode(np.asfortranarray(m.astype(np.uint8))) for m in full_masks(c)] for c in (found, truth)]
        np.testing.assert_allclose(iou_matrix(found, truth).toarray(), rle.iou(*codes, [0] * len(truth)), atol=1e-12)
