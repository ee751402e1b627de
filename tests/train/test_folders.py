"""Which files are used under which supervision."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import tifffile
import torch

from lacss_tools.errors import InputError, UsageError
from lacss_tools.io.native import read_mask, write_labels, write_mask
from lacss_tools.io.project import list_images
from lacss_tools.io.zarr_labels import write_labels as write_into
from lacss_tools.network.lacss import Lacss
from lacss_tools.screen.settings_options import Given
from lacss_tools.train.command import budget, infer_supervision
from lacss_tools.train.crops import draw_batch
from lacss_tools.train.folders import epoch_steps, fingerprint, load_training_data
from lacss_tools.train.objective import compute_losses
from lacss_tools.train.settings import TrainSettings
from tests.train.worker import TINY


def test_an_image_with_labels_uses_them_and_the_others_stay_weak(folders):
    (folders.labels / "f1.tif").unlink()
    data = load_training_data(folders, "mixed", 20.0)
    assert [field.outlined for field in data.images] == [True, False]
    assert data.notes[0].startswith("training images: 1 outlined (labels), 1 with LOIs and mask")
    full, weak = (load_training_data(folders, kind, 20.0) for kind in ("full", "weak"))
    assert [field.outlined for field in full.images] == [True]
    assert [field.outlined for field in weak.images] == [False, False]
    assert len({data.fingerprint, full.fingerprint, weak.fingerprint}) == 3


def test_ambiguous_cells_are_cells_to_learn_from(folders):
    plain = load_training_data(folders, "full", 20.0).images[0]
    path = folders.labels / "f0.tif"
    labels = tifffile.imread(path).astype(np.int32)
    write_labels(path, np.where(labels == labels.max(), -labels, labels))
    marked = load_training_data(folders, "full", 20.0).images[0]
    assert torch.equal(plain.labels, marked.labels)
    assert torch.equal(plain.lois, marked.lois)


def test_a_mask_without_lois_does_not_change_the_working_scale(folders):
    alone = {folder.name: folder / "f1.tif" for folder in (folders.images, folders.masks)}
    before = load_training_data(folders, "weak", 20.0).scale
    for path in alone.values():
        shutil.copy(path, path.with_name("f2.tif"))
    tifffile.imwrite(folders.masks / "f2.tif", np.full_like(tifffile.imread(alone["masks"]), 255))
    (folders.lois / "f2.csv").write_text("y,x,response\n")
    data = load_training_data(folders, "weak", 20.0)
    assert len(data.images) == 3
    assert data.scale == before


def test_an_image_without_any_annotation_is_named(folders):
    (folders.labels / "f1.tif").unlink()
    (folders.images / "f2.tif").write_bytes((folders.images / "f1.tif").read_bytes())
    note = load_training_data(folders, "mixed", 20.0).notes[0]
    assert "1 images with neither are not used (f2)" in note


def test_a_mixture_of_one_kind_is_refused(folders):
    with pytest.raises(InputError, match=r"labels for every image\. Set `supervision` to full"):
        load_training_data(folders, "mixed", 20.0)


def test_labels_count_for_outlined_cells_and_the_mask_for_the_others(folders):
    """With pseudo-labels off, an outlined field must have no weak term, a weak one no label term."""
    (folders.labels / "f1.tif").unlink()
    outlined, weak = load_training_data(folders, "mixed", 20.0).images
    settings = TrainSettings(batch=1, crop=64, supervision="mixed", pseudo=0.0, weak_loss=1.0, auxnet=False)
    torch.manual_seed(0)
    model = Lacss(replace(TINY, auxnet=False))
    terms = {}
    for name, fields in (("outlined", [outlined]), ("weak", [weak]), ("both", [outlined, weak])):
        batch = draw_batch(fields, replace(settings, batch=6 if name == "both" else 1), 1)
        losses = compute_losses(model, model(batch.image), batch, settings, 0.9)
        terms[name] = {key: float(value.detach()) for key, value in losses.items()}
    assert terms["outlined"]["weak"] == 0 < terms["outlined"]["labels"]
    assert terms["weak"]["labels"] == 0 < terms["weak"]["weak"]
    assert terms["both"]["labels"] > 0 < terms["both"]["weak"]


def test_what_masks_are_unsure_of_is_read_where_it_is_asked_for(folders):
    plain = load_training_data(folders, "weak", 20.0)
    asked = load_training_data(folders, "weak", 20.0, unsure=True)
    assert [image.doubt for image in (*plain.images, *asked.images)] == [None] * 4
    assert asked.fingerprint == plain.fingerprint
    assert asked.notes[0].startswith("training images: 2 paired by stem; 0 of 2 masks say where they are unsure")
    mask = read_mask(folders.masks / "f1.tif")
    write_mask(folders.masks / "unsure" / "f1.tif", mask)
    plain = load_training_data(folders, "weak", 20.0)
    assert [image.doubt for image in plain.images] == [None] * 2
    asked = load_training_data(folders, "weak", 20.0, unsure=True)
    assert "1 of 2 masks say" in asked.notes[0]
    assert asked.fingerprint != plain.fingerprint
    first, second = asked.images
    assert not first.doubt.any()  # so that crops of all images are alike
    assert torch.equal(second.doubt > 0.5, second.mask > 0)
    mixed = replace(folders, labels=folders.labels)
    (folders.labels / "f1.tif").unlink()
    outlined, weak = load_training_data(mixed, "mixed", 20.0, unsure=True).images
    assert outlined.outlined
    assert not outlined.doubt.any()
    assert weak.doubt.any()
    write_mask(folders.masks / "unsure" / "f1.tif", mask[:-2])
    with pytest.raises(InputError, match=r"unsure.f1\.tif"):
        load_training_data(folders, "weak", 20.0, unsure=True)


@pytest.mark.parametrize("supervision", ["weak", "mixed"])
def test_unsure_pixels_count_as_much_as_the_setting_says(folders, supervision):
    for path in folders.masks.glob("f*.tif"):
        write_mask(folders.masks / "unsure" / path.name, np.ones_like(read_mask(path)))
    if supervision == "mixed":
        (folders.labels / "f1.tif").unlink()
    data = load_training_data(folders, supervision, 20.0, unsure=True)
    plain = load_training_data(folders, supervision, 20.0)
    settings = TrainSettings(batch=4, crop=64, supervision=supervision, auxnet=False)
    torch.manual_seed(0)
    model = Lacss(replace(TINY, auxnet=False))
    terms = {}
    for name, images, unsure in (
        ("plain", plain.images, 0.25),
        ("whole", data.images, 1.0),
        ("less", data.images, 0.25),
    ):
        batch = draw_batch(images, settings, 1)
        losses = compute_losses(model, model(batch.image), batch, replace(settings, unsure=unsure), 0.0)
        terms[name] = {key: float(value.detach()) for key, value in losses.items()}
    assert terms["plain"] == terms["whole"]
    assert {key for key in terms["less"] if terms["less"][key] != terms["plain"][key]} == {"labels"}
    inside = batch.doubt.mean()  # crops reach beyond the image, where nothing is unsure
    assert 0.5 < inside < 1
    if supervision == "weak":
        assert 0.25 < terms["less"]["labels"] / terms["plain"]["labels"] < 0.75
    else:  # what a person outlined is believed wholly
        assert 0.25 < terms["less"]["labels"] / terms["plain"]["labels"] < 1


@pytest.mark.parametrize(("kind", "same_as"), [(True, "full"), (False, "weak")])
def test_a_mixture_of_only_one_kind_has_the_loss_of_that_kind(folders, kind, same_as):
    fields = load_training_data(folders, "full" if kind else "weak", 20.0).images
    batch = draw_batch(fields, TrainSettings(batch=2, crop=64), 0)
    torch.manual_seed(0)
    model = Lacss(TINY)
    maps = model(batch.image)
    for progress in (0.0, 0.4, 0.9):
        mixed, plain = (
            compute_losses(model, maps, batch, TrainSettings(supervision=s, weak_loss=0.7), progress)
            for s in ("mixed", same_as)
        )
        for key in plain.keys() - {"aux"}:
            torch.testing.assert_close(mixed[key], plain[key])


def test_what_the_options_mean():
    assert infer_supervision(labels=True, weak=False) == "full"
    assert infer_supervision(labels=True, weak=True) == "mixed"
    assert infer_supervision(labels=False, weak=True) is None


def test_the_first_source_with_a_budget_takes_the_place_of_any_other():
    assert budget(Given()) == {}
    assert budget(Given(flags={"epochs": 2.0}, assigned={"steps": 3})) == {"epochs": 2.0, "minutes": None}
    assert budget(Given(stored={"steps": 9, "minutes": 3.0})) == {"steps": 9, "epochs": None, "minutes": 3.0}
    with pytest.raises(UsageError, match="`steps` and `minutes`"):
        budget(Given(flags={"steps": 5, "minutes": 1.0}))


def test_an_epoch_is_the_area_of_all_fields(folders):
    fields = load_training_data(folders, "weak", 20.0).images
    area = sum(field.mask.numel() for field in fields)
    settings = TrainSettings(epochs=10.0, batch=2, crop=64)
    assert epoch_steps(fields, settings, 1) == int(np.ceil(10 * area / (2 * 64 * 64)))
    assert epoch_steps(fields, settings, 2) == int(np.ceil(10 * area / (4 * 64 * 64)))


def test_borders_are_settled_from_all_images_together_and_said(folders):
    for kind in ("weak", "mixed"):
        if kind == "mixed":
            (folders.labels / "f1.tif").unlink()
        data = load_training_data(folders, kind, 20.0)
        assert data.borders == "dark"
        assert data.notes[-1].startswith("borders are darker than cells (contrast -0.")
    full = load_training_data(folders, "full", 20.0)
    assert full.borders is None
    assert not any(note.startswith("borders") for note in full.notes)


def test_borders_that_are_asked_for_win_and_change_the_guess(folders):
    kinds = ("auto", "dark", "bright", "distance")
    data = {kind: load_training_data(folders, "weak", 20.0, borders=kind) for kind in kinds}
    assert [data[kind].borders for kind in kinds] == ["dark", "dark", "bright", "distance"]
    labels = {kind: torch.cat([field.labels.flatten() for field in data[kind].images]) for kind in kinds}
    assert torch.equal(labels["auto"], labels["dark"])
    assert not torch.equal(labels["bright"], labels["dark"])
    assert data["distance"].notes[-1].endswith("whatever the intensity")
    with pytest.raises(UsageError, match="`borders` must be auto, bright, dark or distance, not light"):
        TrainSettings(borders="light")


def test_images_of_a_plate_are_known_by_their_pixels_whatever_is_written_into_them(tmp_path):
    zarr = pytest.importorskip("zarr")
    from tests.io.test_plates import write_plate

    write_plate(tmp_path / "p.zarr", "0.4")
    images = list(list_images(tmp_path / "p.zarr").values())
    before = fingerprint(images)
    write_labels(tmp_path / "cells.tif", np.ones((64, 64), np.int32))
    write_into(images[0], "cells", tmp_path / "cells.tif", {})
    assert fingerprint(images) == before
    pixels = zarr.open_group(str(images[0]), mode="r+")["0"]
    pixels[0, 0, 0] = pixels[0, 0, 0] ^ 1
    assert fingerprint(images) != before
