"""The page in a real browser: what a person does, and what is on disk afterwards."""

import csv
import re

import numpy as np
import pytest

from lacss_tools.annotate.candidates.candidates import cut_at
from lacss_tools.annotate.candidates.settings import CutSettings
from lacss_tools.annotate.pick.journal import read_picks
from lacss_tools.io.candidates import read_candidates
from lacss_tools.io.lois import read_lois
from lacss_tools.io.native import read_image, read_mask
from lacss_tools.web.stroke import Stroke, paint
from tests.annotate.pick.picker_process import SHAPE, here, make_project
from tests.served import Served, chromium
from tests.served import Window as Page


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture
def folder(tmp_path):
    return make_project(tmp_path, "abcd")


@pytest.fixture
def served(folder):
    running = here(folder)
    yield running
    running.end()


class Window(Page):
    """A page and what the tests of this one ask of it."""

    def badges(self):
        return [badge.text_content() for badge in self.page.locator("#strip .badge").all()]

    def place(self, y, x):
        """Return where on the screen the pixel (y, x) of the image is, in the large view."""
        box = self.page.locator("#chosen").bounding_box()
        scale = min(box["width"] / SHAPE[1], box["height"] / SHAPE[0])
        left = box["x"] + (box["width"] - SHAPE[1] * scale) / 2
        top = box["y"] + (box["height"] - SHAPE[0] * scale) / 2
        return left + (x + 0.5) * scale, top + (y + 0.5) * scale


@pytest.fixture
def window(browser, served):
    opened = Window(browser, served.address).at(0)
    yield opened
    assert opened.errors == []
    opened.page.close()


def choices(folder):
    return {stem: pick.choice for stem, pick in read_picks(folder / "masks" / "picks.csv").items()}


def mask(folder, stem):
    return read_mask(folder / "masks" / f"{stem}.tif")


def candidate(folder, stem, number):
    return read_candidates(folder / "candidates" / f"{stem}.tif")[0][number - 1]


# ---- deciding -------------------------------------------------------------------------------------------------------


def test_all_images_are_picked_by_keyboard_and_the_end_says_what_comes_next(window, folder):
    window.press("1").at(1).press("Enter").at(2).press("5").at(3).press("r")
    window.wait_for("summary", "lacss train")
    assert re.findall(r"\d+ \w+", window.text("done")) == ["4 done", "0 left"]
    suggested = str(read_picks(folder / "masks" / "picks.csv")["b"].choice)
    assert choices(folder) == {"a": "1", "b": suggested, "c": "5", "d": "none"}
    assert window.badges() == ["1", suggested, "5", "✕"]
    np.testing.assert_array_equal(mask(folder, "c"), candidate(folder, "c", 5))
    assert not (folder / "masks" / "d.tif").exists()
    assert "1\nrejected" in window.text("summary")


def test_undo_goes_back_any_number_of_steps(window, folder):
    window.press("1").at(1).press("0").at(2).press("3").at(3)
    window.press("u").at(2).press("u").at(1)
    assert choices(folder) == {"a": "1"}
    window.press("u").at(0)
    assert choices(folder) == {}
    assert {path.name for path in (folder / "masks").iterdir()} == {"picks.csv", "unsure"}
    assert not list((folder / "masks" / "unsure").iterdir())
    window.press("u").wait_for("message", "Nothing to undo")


def test_mouse_and_touch_do_the_same(browser, served, folder):
    window = Window(browser, served.address, has_touch=True).at(0)
    window.page.wait_for_timeout(350)  # the page ignores what may be the second half of a double click
    window.page.locator(".choice canvas").nth(3).click()
    window.at(1).page.wait_for_timeout(350)
    window.page.locator(".choice canvas").nth(1).tap()
    window.at(2).page.locator("#decide button", has_text="reject").tap()
    window.at(3).page.locator("#decide button", has_text="undo").click()
    window.at(2).page.locator(".thumbnail").nth(0).click()
    window.at(0)
    assert window.text("state") == "candidate 4"
    assert choices(folder) == {"a": "4", "b": "2"}
    window.page.close()


def test_all_suggestions_above_a_score_are_one_action(window, folder):
    window.press("2").at(1).press("a").wait_for("accept-now", "Accept 3 suggestions")
    window.page.locator("#accept-now").press("Enter")
    window.wait_for("summary", "of them accepted without a look")
    picks = read_picks(folder / "masks" / "picks.csv")
    assert {stem: pick.by for stem, pick in picks.items()} == {"a": "person", "b": "auto", "c": "auto", "d": "auto"}
    window.press("u").wait_for("message", "undone: 3 picks")
    assert choices(folder) == {"a": "2"}
    assert {path.name for path in (folder / "masks").iterdir()} == {"a.tif", "picks.csv", "unsure"}


def test_zoom_and_toggles_change_the_views_and_stay_after_reload(window):
    def looks():
        return [window.page.locator(f"canvas >> nth={k}").screenshot() for k in (0, 1, 2, 6)]

    plain = looks()
    for key in "dlfzh":
        window.press(key).page.wait_for_timeout(120)
        now = looks()
        # H and L and F change nothing in the plain view, which is the first
        assert [a != b for a, b in zip(plain, now, strict=True)][1:] == [True] * 3, key
        plain = now
    window.press(".").page.wait_for_timeout(120)
    assert all(a != b for a, b in zip(plain, looks(), strict=True))
    window.page.reload()
    window.at(0)
    assert window.page.locator("#nuclei").get_attribute("aria-pressed") == "true"
    assert window.page.locator("#points").get_attribute("aria-pressed") == "false"


# ---- repairs --------------------------------------------------------------------------------------------------------


def drag(window, *places):
    window.page.mouse.move(*places[0])
    window.page.mouse.down()
    for place in places[1:]:
        window.page.mouse.move(*place, steps=12)
    window.page.mouse.up()


def test_brush_strokes_are_saved_as_they_were_drawn(window, folder):
    window.press("3").at(1).press("ArrowLeft").at(0)
    before = mask(folder, "a")
    window.press("e").wait_for("caption", "repair: candidate 3")
    drag(window, window.place(60.5, 20), window.place(60.5, 140))
    window.press("x")
    drag(window, window.place(100, 40.5), window.place(20, 40.5))
    window.wait_for("caption", "2 changes").press("Enter").at(1)
    strokes = [([[60.5, 20], [60.5, 140]], False), ([[100, 40.5], [20, 40.5]], True)]
    expected = paint(before, tuple(Stroke(np.array(path, float), 6.0, erase) for path, erase in strokes))
    assert np.count_nonzero(mask(folder, "a") != expected) < 30  # a screen pixel is not an image pixel
    assert np.count_nonzero(mask(folder, "a") != before) > 300
    pick = read_picks(folder / "masks" / "picks.csv")["a"]
    assert (pick.choice, pick.by, pick.edited) == ("3", "person", "brush")
    assert window.badges()[0] == "3+"
    window.press("ArrowLeft").at(0).wait_for("caption", "the saved mask: candidate 3, repaired")
    window.press("u").wait_for("message", "undone: a")
    np.testing.assert_array_equal(mask(folder, "a"), before)


def test_a_repair_can_be_left_and_done_by_keyboard_alone(window, folder):
    window.press("e", "Space", "Escape")
    assert choices(folder) == {}
    window.press("e", "]", *["ArrowUp"] * 10, "Space").wait_for("caption", "1 change")
    window.press("x", "Space").wait_for("caption", "2 changes").press("u").wait_for("caption", "1 change")
    window.press("Enter").at(1)
    painted = mask(folder, "a") & ~candidate(folder, "a", int(choices(folder)["a"]))
    assert 100 < np.count_nonzero(painted) <= np.pi * 9.5**2


def test_a_threshold_between_candidates_is_cut_on_demand(window, folder):
    window.press("e", "t")
    slider = window.page.locator("#threshold")
    for _ in range(7):
        slider.press("ArrowRight")
    value = float(slider.input_value())
    window.wait_for("caption", "cut at").page.wait_for_timeout(200)
    slider.press("Enter")
    window.at(1)
    pick = read_picks(folder / "masks" / "picks.csv")["a"]
    assert (pick.edited, float(pick.threshold)) == ("threshold", pytest.approx(value, rel=1e-5))
    expected = cut_at(read_image(folder / "images" / "a.tif"), CutSettings(), value)
    np.testing.assert_array_equal(mask(folder, "a"), expected)


def test_points_are_added_and_deleted_by_click_and_undo_brings_them_back(window, folder):
    table = folder / "lois" / "a.csv"
    before, points = table.read_bytes(), read_lois(table)[0]
    window.press("e", "p")
    window.page.mouse.click(*window.place(*points[0]))
    window.page.mouse.click(*window.place(60, 15))
    window.wait_for("caption", "2 changes").press("Enter").at(1)
    now, response = read_lois(table)
    np.testing.assert_array_equal(now[:3], points[1:])
    assert now[3] == pytest.approx([60, 15], abs=0.6)
    assert response[3] == 1
    assert read_picks(folder / "masks" / "picks.csv")["a"].edited == "lois"
    assert (folder / "lois" / "original" / "a.csv").read_bytes() == before
    window.press("u").at(0)
    assert table.read_bytes() == before


# ---- interruptions --------------------------------------------------------------------------------------------------


def test_reload_continues_at_the_first_undecided_image(window, folder):
    window.press("1").at(1).press("2").at(2)
    window.page.reload()
    window.at(2).press("u").at(1)
    assert choices(folder) == {"a": "1"}


def test_after_a_kill_nothing_confirmed_is_lost_and_a_second_start_continues(browser, folder):
    first = Served("pick", "--project", str(folder))
    window = Window(browser, first.address).at(0).press("1").at(1).press("2").at(2)
    first.kill()
    window.press("3").wait_for("message", "Not saved: lacss pick does not answer")
    window.page.close()
    assert choices(folder) == {"a": "1", "b": "2"}
    second = Served("pick", "--project", str(folder))
    again = Window(browser, second.address).at(2).press("3").at(3)
    assert choices(folder) == {"a": "1", "b": "2", "c": "3"}
    again.page.close()
    second.end()


def test_two_tabs_do_not_overwrite_each_other(browser, served, folder):
    first, second = (Window(browser, served.address).at(0) for _ in range(2))
    first.press("4").at(1)
    second.press("2").wait_for("message", "Not saved: a was changed elsewhere")
    assert choices(folder) == {"a": "4"}
    assert second.text("state") == "candidate 4"
    second.press("u").wait_for("message", "Nothing to undo in this window")
    second.press("2").at(1)
    assert choices(folder) == {"a": "2"}
    first.press("u").wait_for("message", "a was changed elsewhere since")
    assert choices(folder) == {"a": "2"}
    for window in (first, second):
        assert window.errors == []
        window.page.close()


def test_a_bad_image_is_told_and_can_be_rejected(browser, folder):
    (folder / "candidates" / "a.tif").write_bytes(b"no tiff")
    running = here(folder)
    window = Window(browser, running.address).wait_for("failure", "candidates/a.tif cannot be read")
    window.press("1").page.wait_for_timeout(100)
    window.press("0").at(1)
    assert choices(folder) == {"a": "none"}
    window.page.close()
    running.end()


# ---- layout and access ----------------------------------------------------------------------------------------------

OVERFLOW = """[...document.querySelectorAll(
  "header, header *, main, .choice, #strip, #decide, #decide *, figure, canvas")]
  .filter((e) => { const b = e.getBoundingClientRect();
    return b.width && (b.left < -1 || b.top < -1 || b.right > innerWidth + 1 || b.bottom > innerHeight + 1); })
  .map((e) => e.id || e.className || e.tagName)"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_leaves_the_window_from_1024_to_4k(browser, served, scheme):
    window = Window(browser, served.address, color_scheme=scheme).at(0)
    for width, height in ((1024, 640), (1366, 768), (1920, 1080), (3840, 2160)):
        window.page.set_viewport_size({"width": width, "height": height})
        assert window.page.evaluate(OVERFLOW) == []
        large = window.page.locator("#chosen").bounding_box()
        assert large["height"] > 0.35 * height
    window.page.close()


def test_every_control_is_reached_by_tab_and_shows_it(window):
    seen = []
    for _ in range(40):
        window.press("Tab")
        name, outline = window.page.evaluate(
            "[document.activeElement.getAttribute('aria-label') || document.activeElement.innerText,"
            " document.activeElement == document.body ? 'left' : getComputedStyle(document.activeElement).outlineStyle]"
        )
        if outline == "left":
            break
        assert outline == "solid", name
        seen.append(name)
    text = " | ".join(seen)
    for control in ("candidate 1", "candidate 5", "a: not decided", "suggestion", "reject", "undo", "repair", "DAPI"):
        assert control in text
    window.press("?").wait_for("help", "any number of steps").press("Escape")
    assert not window.page.locator("#help").is_visible()


def test_the_journal_is_one_row_per_image_for_any_reader(window, folder):
    window.press("1").at(1).press("ArrowLeft").at(0).press("2").at(1).press("3").at(2)
    with (folder / "masks" / "picks.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["stem"], row["choice"]) for row in rows] == [("a", "2"), ("b", "3")]
