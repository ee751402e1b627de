"""The page in a real browser: each tool by pointer and keyboard, and what is on disk afterwards."""

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from lacss_tools.io.lois import write_lois
from lacss_tools.io.native import read_labels, write_labels, write_table
from lacss_tools.outline.page.app import make_app
from tests.outline.pages import SIDE, disc, make_desk
from tests.served import Served, ServedHere, chromium
from tests.served import Window as Page


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


class Window(Page):
    """A page and what the tests of this one ask of it."""

    def until(self, expression):
        """Wait for what the page says; its policy forbids `wait_for_function`, which evaluates text there."""
        for _ in range(400):
            if self.page.evaluate(expression):
                return self
            self.page.wait_for_timeout(20)
        raise AssertionError(expression)

    def cells(self, count):
        """Wait until so many cells are shown as saved."""
        self.wait_for("count", f"{count} cell")
        return self.until("document.getElementById('saved').textContent !== 'saving …'")

    def place(self, y, x):
        """Return where on the screen the centre of the pixel (y, x) is, at no zoom."""
        box = self.page.locator("#view").bounding_box()
        scale = min(box["width"], box["height"]) / SIDE
        left, top = box["x"] + (box["width"] - SIDE * scale) / 2, box["y"] + (box["height"] - SIDE * scale) / 2
        return left + (x + 0.5) * scale, top + (y + 0.5) * scale

    def click(self, y, x, **options):
        self.page.mouse.click(*self.place(y, x), **options)
        return self

    def drag(self, *places):
        self.page.mouse.move(*self.place(*places[0]))
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*self.place(*place), steps=10)
        self.page.mouse.up()
        return self


@pytest.fixture
def desk(project):
    return make_desk(project)


@pytest.fixture
def window(browser, desk):
    served = ServedHere(make_app(desk, "t" * 20), "t" * 20)
    opened = Window(browser, served.address).at(0)
    yield opened
    assert opened.errors == []
    opened.page.close()
    served.end()


def labels(project, stem="a"):
    """Return the cells as a fresh start reads them from disk."""
    session = make_desk(project).session
    with session.exclusive():
        return session.drawing(stem).drawing.sheet.labels.copy()


def like(mask, expected):
    """IoU of two masks: a screen pixel is not an image pixel."""
    return (mask & expected).sum() / (mask | expected).sum()


def test_a_click_draws_the_cell_and_further_ones_correct_it(window, project):
    window.click(40, 40).cells(1)
    assert like(labels(project) == 1, disc(40, 40)) > 0.9
    window.page.keyboard.down("Shift")
    window.click(40, 52).page.keyboard.up("Shift")
    window.wait_for("cell", "drawn by you")
    assert like(labels(project) == 1, disc(40, 40) | disc(40, 52)) > 0.9
    window.page.keyboard.down("Alt")
    window.click(40, 58).page.keyboard.up("Alt")
    window.page.wait_for_selector('body[data-version="3"]')
    now = labels(project) == 1
    assert not now[40, 58]
    assert now[40, 40]
    window.press("Escape").click(70, 3)
    window.wait_for("message", "sees no cell here")
    assert (labels(project) > 0).sum() == now.sum()


def test_a_preview_follows_the_pointer_and_changes_nothing(window, project, desk):
    window.page.mouse.move(*window.place(60, 60))
    window.until("window.lacssHand().preview !== null")
    assert any(abs(y - 60) < 1 and abs(x - 60) < 1 for _, y, x in desk.network.asked)
    assert not labels(project).any()


def test_polygon_lasso_brush_and_eraser(window, project):
    window.press("p").click(10, 10).click(10, 30).click(30, 30)
    window.press("Backspace").click(30, 31).click(30, 10).press("Enter").cells(1)
    square = np.zeros((SIDE, SIDE), bool)
    square[10:31, 10:31] = True
    assert like(labels(project) == 1, square) > 0.9
    window.press("l").drag((50, 10), (50, 30), (70, 30), (70, 10), (51, 10)).cells(2)
    assert like(labels(project) == 2, np.roll(square, 40, axis=0)) > 0.9
    window.press("Escape", "b").drag((20, 60), (20, 80)).cells(3)
    painted = labels(project) == 3
    assert 100 < painted.sum() < 600
    assert painted[20, 60:81].all()
    window.press("x").drag((10, 70), (30, 70)).cells(4)
    assert not labels(project)[20, 70]
    assert ndimage.label(labels(project) > 0)[1] == 4


def test_a_border_is_dragged_both_ways(window, project):
    window.click(40, 40).cells(1).press("g").drag((40, 44), (40, 58))
    window.page.wait_for_selector('body[data-version="2"]')
    assert (labels(project)[40, 44:58] == 1).all()
    window.drag((20, 40), (34, 40))
    window.page.wait_for_selector('body[data-version="3"]')
    assert not labels(project)[33, 40]


def test_split_merge_and_what_is_done_to_one_cell(window, project):
    window.click(40, 40).cells(1).press("k").drag((40, 28), (40, 52)).cells(2)
    parts = labels(project)
    assert abs(int((parts == 1).sum()) - int((parts == 2).sum())) < 40
    window.press("m").drag((35, 40), (46, 40)).cells(1)
    assert like(labels(project) > 0, disc(40, 40)) > 0.9
    window.press("c").click(40, 40).press("q").wait_for("cell", "ambiguous").press("q")
    window.until("!document.getElementById('cell').textContent.includes('ambiguous')").press("s")
    window.press("Delete").cells(0)
    assert not labels(project).any()
    window.press("i").wait_for("message", "No cell is selected")
    window.press("b").drag((20, 20), (20, 60), (60, 60), (60, 20), (20, 20)).cells(1)  # a ring
    assert not labels(project)[40, 40]
    version = window.page.evaluate("document.body.dataset.version")
    window.press("i").until(f"document.body.dataset.version !== '{version}'")
    assert labels(project)[20:61, 20:61].all()


def test_undo_and_redo_any_number_of_steps_also_after_reload(window, project):
    for k in range(4):
        window.click(12 + 20 * k, 30).cells(k + 1).press("Escape")
    window.press("u", "u", "u").cells(1)
    window.page.reload()
    window.at(0).cells(1).press("r", "Control+Shift+z").cells(3)
    assert len(np.unique(labels(project))) == 4
    window.press("Control+z", "u", "u").cells(0)
    window.press("u").wait_for("message", "Nothing to undo")


def test_by_keyboard_alone(window, project):
    window.press("ArrowUp", "Space").cells(1)
    assert labels(project)[47:49, 46:50].any()
    window.press("Escape", *["Shift+ArrowLeft"] * 4, "b")
    window.page.keyboard.down("Space")
    window.press("ArrowDown", "ArrowDown", "ArrowDown")
    window.page.keyboard.up("Space")
    window.cells(2).press("Enter").at(1)
    assert (project / "labels" / "a.tif").is_file()
    window.press("Enter").wait_for("message", "No cell is drawn here")
    assert not (project / "labels" / "b.tif").exists()
    window.press("PageUp").at(0).wait_for("state", "finished")
    window.press("?").wait_for("help", "any number of steps").press("Escape")
    assert not window.page.locator("#help").is_visible()


def test_suggestions_are_gone_through_by_doubt_and_accepted(browser, project):
    truth = read_labels(project / "truth" / "a.tif")
    write_labels(project / "predictions" / "a.tif", truth)
    numbers = np.unique(truth[truth > 0]).tolist()
    scores = [[n, 0.2 if n == numbers[2] else 0.3 if n == numbers[4] else 0.95] for n in numbers]
    write_table(project / "predictions" / "a.csv", ["label", "score"], scores)
    write_lois(project / "lois" / "a.csv", np.argwhere(truth == numbers[2])[[0, -1]].astype(float), np.ones(2))
    desk = make_desk(project, "predictions")
    served = ServedHere(make_app(desk, "t" * 20), "t" * 20)
    window = Window(browser, served.address).at(0).cells(len(numbers))
    window.wait_for("hint", f"{len(numbers)} cells suggested, ")
    window.press("n").wait_for("reason", "In doubt: score 0.30, no nucleus")
    window.press("n").wait_for("reason", "In doubt: score 0.20, 2 nuclei")
    assert not (project / "labels").exists() or not list((project / "labels").glob("*.tif"))
    window.press("Delete").cells(len(numbers) - 1).press("Enter").at(1)
    share = round(100 * (len(numbers) - 1) / len(numbers))
    window.wait_for("worth", f"Of the suggestions on the last image, {share} % were right.")
    window.wait_for("rate", "cells per min")
    written = read_labels(project / "labels" / "a.tif")
    assert ((written > 0) == ((truth > 0) & (truth != numbers[2]))).all()
    window.press("a").cells(2).press("Enter").wait_for("summary", "lacss train --supervision full")
    assert window.errors == []
    window.page.close()
    served.end()


def test_an_image_that_cannot_be_shown_says_so_and_takes_nothing(browser, project):
    (project / "images" / "b.tif").write_bytes(b"II*")
    served = ServedHere(make_app(make_desk(project), "t" * 20), "t" * 20)
    window = Window(browser, served.address).at(0)
    window.click(40, 40).cells(1).press("PageDown").wait_for("message", "This image cannot be shown")
    assert [window.page.locator(at).inner_text() for at in ("#stem", "#count")] == ["b", ""]
    window.until("document.querySelectorAll('#strip img')[1].hidden")
    window.press("u", "Home").at(0).cells(1)
    window.page.close()
    served.end()


def test_after_a_kill_nothing_confirmed_is_lost(browser, project):
    first = Served("outline", "--project", str(project))
    window = Window(browser, first.address).at(0)
    for k in range(3):  # without a model: polygons
        window.click(10, 10 + 25 * k).click(10, 25 + 25 * k).click(25, 25 + 25 * k).press("Enter").cells(k + 1)
    window.press("a").wait_for("message", "Start lacss outline with one (--model).")
    first.kill()
    window.press("u").wait_for("message", "lacss outline does not answer")
    window.page.close()
    assert len(np.unique(labels(project))) == 4
    second = Served("outline", "--project", str(project))
    again = Window(browser, second.address).at(0).cells(3).press("u").cells(2)
    assert len(np.unique(labels(project))) == 3
    again.page.close()
    second.end()


def test_two_tabs_do_not_overwrite_each_other(browser, project):
    desk = make_desk(project)
    served = ServedHere(make_app(desk, "t" * 20), "t" * 20)
    first, second = (Window(browser, served.address).at(0) for _ in range(2))
    first.click(30, 30).cells(1)
    second.click(70, 70).wait_for("message", "Not saved: a was changed elsewhere")
    second.cells(1).click(70, 70).cells(2)
    first.press("u").wait_for("message", "Not saved")
    now = labels(project)
    assert like(now == 1, disc(30, 30)) > 0.9
    assert like(now == 2, disc(70, 70)) > 0.9
    for window in (first, second):
        assert window.errors == []
        window.page.close()
    served.end()


# ---- layout ---------------------------------------------------------------------------------------------------------

OVERFLOW = """[...document.querySelectorAll(
  "header, header *, main, #tools button, #strip, footer, footer *, figure, canvas")]
  .filter((e) => { const b = e.getBoundingClientRect();
    return b.width && (b.left < -1 || b.top < -1 || b.right > innerWidth + 1 || b.bottom > innerHeight + 1); })
  .map((e) => e.id || e.className || e.tagName)"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_leaves_the_window_from_1024_to_4k(browser, desk, scheme):
    served = ServedHere(make_app(desk, "t" * 20), "t" * 20)
    window = Window(browser, served.address, color_scheme=scheme).at(0)
    for width, height in ((1024, 640), (1366, 768), (1920, 1080), (3840, 2160)):
        window.page.set_viewport_size({"width": width, "height": height})
        assert window.page.evaluate(OVERFLOW) == []
        assert window.page.locator("#view").bounding_box()["height"] > 0.55 * height
    window.page.close()
    served.end()


def test_large_images_come_in_tiles_and_stay_where_they_are(browser, project):
    y, x = np.mgrid[:1100, :1300]
    tifffile.imwrite(project / "images" / "a.tif", ((y // 100 + x // 100) % 2 * 900 + 50).astype(np.uint16))
    desk = make_desk(project, network=False)
    served = ServedHere(make_app(desk, "t" * 20), "t" * 20)
    window = Window(browser, served.address)
    asked = []
    window.page.on("request", lambda request: asked.append(request.url))
    window.page.reload()
    window.at(0).until("window.lacssComplete()")
    assert {url.split("/tile/")[1] for url in asked if "/tile/" in url} <= {"2/0/0", "1/0/0", "1/0/1", "1/1/0", "1/1/1"}
    window.press("+", "+", "+", "+", "+")
    window.until("performance.getEntriesByType('resource').some((one) => one.name.includes('/tile/0/'))")
    window.until("window.lacssComplete()")
    assert 1 <= len({url for url in asked if "/tile/0/" in url}) < 9  # of nine
    assert window.errors == []
    window.page.close()
    served.end()
