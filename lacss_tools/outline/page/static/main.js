// The actions of the page and the keys for them. The page holds no truth of its own: what it shows of cells is what the
// server has on disk.
import { placement, pointAt, resetCamera } from "./camera.js";
import { lift, moveCursor, press } from "./cursor.js";
import { $, many, openDialog, say, toggleHelp } from "./document.js";
import { loadField, loadMask, loadNucleiCounts, update } from "./fields.js";
import { listen } from "./gestures.js";
import { look, recallLook } from "./look.js";
import { centre, contrast, flip, flipMask, flipNuclei, lookAt, nextChannel, toggleWhole, view, zoom } from "./looking.js";
import { isDone, mark, nextOpen, page } from "./page.js";
import { showCell, showProgress, showSaved, showTools } from "./panel.js";
import { countImage, countWork } from "./rate.js";
import { Conflict, get, post } from "./server.js";
import { buildStrip, showCurrent, showState } from "./strip.js";
import { isComplete } from "./tiles.js";
import { brush, cancel, click, closePolygon, hand, resize, setTool, takeCornerBack } from "./tools.js";
import { canvas, drawNow, redraw, redrawMoving } from "./view.js";

// ---- showing ----

async function show(k, note = "") {
  const wanted = (page.at = Math.max(0, Math.min(page.images.length - 1, k)));
  Object.assign(page, { field: null, selected: 0, opening: true });
  cancel();
  resetCamera();
  showSaved(0);
  delete document.body.dataset.shown;
  showProgress();
  showCell();
  showCurrent(wanted);
  say(note);
  await reload(wanted, note);
}

// Learn what is on disk, as after a change elsewhere; the view stays where it is.
async function reload(wanted = page.at, note = "") {
  try {
    const field = await loadField(wanted);
    if (look.nuclei) await loadNucleiCounts(field);
    if (look.mask) await loadMask(field);
    if (wanted !== page.at) return;
    Object.assign(page, { field, opening: false });
    if (!field.cells.has(page.selected)) page.selected = 0;
    told(field);
    say(field.note || note);
    document.body.dataset.shown = wanted; // for whoever measures how long it takes
    lookAhead();
  } catch (error) {
    if (wanted !== page.at) return;
    Object.assign(page, { field: null, opening: false });
    showTools();
    say(`This image cannot be shown: ${error.message}`, true);
  }
  drawNow();
}

function told(field) {
  page.images[field.k] = { ...page.images[field.k], state: field.state };
  showState(field.k);
  showProgress();
  showCell();
  showTools();
}

// The network looks at what is in view ahead, so that clicks there are answered at once.
let looking = 0;

function lookAhead() {
  clearTimeout(looking);
  const { field } = page;
  if (!page.model || !field) return;
  looking = setTimeout(() => {
    const box = canvas.getBoundingClientRect();
    const { x: left, y: top } = pointAt(canvas, field, { clientX: box.left, clientY: box.top });
    const { x: right, y: bottom } = pointAt(canvas, field, { clientX: box.right, clientY: box.bottom });
    get(`image/${field.k}/look?top=${top}&left=${left}&bottom=${bottom}&right=${right}`).catch(() => {});
  }, 150);
}

// ---- acting: one after the other, each on what the one before left ----

let queue = Promise.resolve(), under = 0;

function act(body) {
  const { field } = page;
  if (!field) return queue;
  page.begun = true;
  countWork();
  showSaved(++under);
  hand.preview = null;
  queue = queue.then(() => perform(field, body)).finally(() => showSaved(--under));
  return queue;
}

async function perform(field, body) {
  if (field !== page.field) return;
  try {
    const changed = await post(`image/${field.k}/act`, { version: field.version, ...body });
    update(field, changed);
    const keep = body.action === "click" || body.action === "brush" || changed.selected;
    if (keep && changed.selected) page.selected = changed.selected;
    if (!field.cells.has(page.selected)) page.selected = 0;
    say("");
    told(field);
    document.body.dataset.version = field.version;
  } catch (error) {
    if (error instanceof Conflict) await reload(field.k);
    say(error instanceof Conflict ? `Not saved: ${error.message}` : error.message, true);
  }
  redraw();
}

const needCell = (work) => () => (page.selected ? work(page.selected) : say("No cell is selected. Click one first.", true));
const onCell = (action) => needCell((number) => act({ action, number }));

async function finish() {
  if (closePolygon()) return;
  const { field } = page;
  if (!field) return;
  if (!field.count && !field.sure && !isDone(page.images[field.k])) { // a key pressed once too often writes no empty labels
    field.sure = true;
    return say("No cell is drawn here. Enter again finishes the image as one without cells.");
  }
  if (!isDone(page.images[field.k])) {
    await act({ action: "finish" });
    if (!isDone(page.images[field.k])) return; // it was not saved
    countImage(field.count);
  }
  const { right, next: commands } = await get("state").catch(() => page);
  Object.assign(page, { right, next: commands });
  const next = nextOpen(page.at + 1), stem = page.images[field.k].stem;
  if (next >= 0) await show(next, `${stem} is finished: ${many(field.count, "cell")}. To go on with it: PgUp, or its picture below.`);
  else openSummary();
}

function openSummary() {
  const done = page.images.filter((image) => image.state === "finished").length;
  $("summary-count").textContent = `${many(done, "image")} outlined here. Press Ctrl-C in the terminal; it says what comes next:`;
  $("commands").textContent = page.next.join("\n");
  if (!$("summary").open) $("summary").showModal();
}

// ---- moving ----

const go = (by) => () => show(page.at + by);

// The next cell in doubt after the one looked at last; the view goes there.
function nextDoubt(by) {
  const { field } = page;
  if (!field) return;
  if (!field.doubts.length) return say("No cell here is in doubt. Enter finishes the image.");
  const at = field.doubts.findIndex(({ n }) => n === page.selected), count = field.doubts.length;
  const { n } = field.doubts[at < 0 ? (by > 0 ? 0 : count - 1) : (at + by + count) % count];
  page.begun = true;
  countWork();
  showTools();
  select(n);
  lookAt(field.cells.get(n).box);
}

function select(n) {
  page.selected = n;
  hand.preview = null;
  showCell();
  redraw();
}

// ---- keys ----

const TOOLS = { c: "click", p: "polygon", l: "lasso", b: "brush", x: "erase", g: "border", k: "split", m: "merge" };
const ARROWS = { arrowleft: [-1, 0], arrowright: [1, 0], arrowup: [0, -1], arrowdown: [0, 1] };
const KEYS = {
  pageup: go(-1), pagedown: go(1), home: () => show(0), end: () => show(page.images.length - 1),
  enter: finish, escape: () => cancel() || select(0), n: () => nextDoubt(1), "shift+n": () => nextDoubt(-1),
  u: () => act({ action: "undo" }), r: () => act({ action: "redo" }),
  "ctrl+z": () => act({ action: "undo" }), "ctrl+shift+z": () => act({ action: "redo" }), "ctrl+y": () => act({ action: "redo" }),
  delete: onCell("delete"), backspace: () => takeCornerBack() || onCell("delete")(), i: onCell("fill"), s: onCell("smooth"), q: onCell("ambiguous"),
  a: () => act({ action: "ask" }), "[": () => resize(-1), "]": () => resize(1),
  d: flipNuclei, t: flipMask, o: () => flip("points"), f: () => flip("filled"), h: () => flip("hidden"), v: nextChannel,
  z: toggleWhole, "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5),
  ",": () => contrast(look.contrast - 10), ".": () => contrast(look.contrast + 10), "?": toggleHelp,
};
const AGAIN = new Set(["pageup", "pagedown", ",", ".", "[", "]", "+", "=", "-", "n", "u", "r", "ctrl+z", "ctrl+y"]); // held keys repeat these

const isBracket = (name) => name === "[" || name === "]"; // on some keyboards typed with AltGr or Option

function nameOf(event) {
  const name = event.key.toLowerCase(), letter = /^[a-z]$/.test(name);
  if (isBracket(name)) return name;
  return `${event.ctrlKey || event.metaKey ? "ctrl+" : ""}${letter && event.shiftKey ? "shift+" : ""}${name}`;
}

function key(event) {
  const name = nameOf(event);
  if (openDialog()) return name === "?" && openDialog().id === "help" ? (toggleHelp(), true) : false;
  if (event.target.matches?.("input[type=range]") && /^(arrow|page|home|end)/.test(name)) return false;
  if ((name === "enter" || name === " ") && event.target.closest?.("button")) return false; // the button under focus is meant
  if (ARROWS[name]) return moveCursor(ARROWS[name], event.shiftKey), true;
  if (name === " ") return event.repeat || press(event), true;
  if (event.altKey && !isBracket(name)) return false;
  if (TOOLS[name]) return event.repeat || choose(TOOLS[name]), true;
  if (!(name in KEYS)) return false;
  if (!event.repeat || AGAIN.has(name)) KEYS[name]();
  return true;
}

function choose(tool) {
  page.begun = true;
  if (tool === "click" && !page.model) say("Without --model a click selects cells. Draw new ones with P, L or B.");
  setTool(tool);
}

// ---- setting up ----

function setUp() {
  view.moved = lookAhead;
  Object.assign(hand, { act, select, changed: () => {
    showTools();
    redraw();
  } });
  const modifiers = (event) => Object.assign(hand.modifiers, { shift: event.shiftKey, alt: event.altKey, pan: event.ctrlKey || event.button === 1 });
  canvas.addEventListener("pointerdown", modifiers, { capture: true });
  listen(canvas, {
    of: () => page.field, brush,
    changed: () => {
      redrawMoving();
      lookAhead();
    },
    click: (event, twice) => {
      const place = pointAt(canvas, page.field, event);
      if (place.inside) click(place, twice, placement(canvas, page.field).scale);
    },
  });
  document.addEventListener("keydown", (event) => page.images.length && key(event) && event.preventDefault());
  document.addEventListener("keyup", (event) => event.key === " " && lift());
  for (const button of document.querySelectorAll("button[data-key]")) button.onclick = () => KEYS[button.dataset.key]();
  for (const button of document.querySelectorAll("button[data-tool]")) button.onclick = () => choose(button.dataset.tool);
  for (const button of document.querySelectorAll("button[data-close]")) button.onclick = () => openDialog().close();
  $("contrast").oninput = () => contrast(Number($("contrast").value));
  new ResizeObserver(redraw).observe(canvas);
  window.addEventListener("focus", () => page.field && !under && catchUp().catch(() => {}));
}

// Learn what other windows and people did meanwhile.
async function catchUp() {
  const { images } = await get("state");
  images.forEach((image, k) => {
    page.images[k] = image;
    showState(k);
  });
  const { field } = page, now = await get(`image/${page.at}/version`);
  if (field === page.field && now.version !== field.version) await reload();
}

recallLook();
setUp();
contrast(look.contrast);
// For whoever watches the page: what is still to come, what is in hand, where a pixel is, and a way to go there.
Object.assign(window, {
  lacssComplete: isComplete, lacssHand: () => hand,
  lacssPlace: (y, x) => {
    const box = canvas.getBoundingClientRect(), place = placement(canvas, page.field), ratio = canvas.width / box.width;
    return [box.left + (place.left + (x + 0.5) * place.scale) / ratio, box.top + (place.top + (y + 0.5) * place.scale) / ratio];
  },
  lacssGo: (y, x, zoomed) => centre(x + 0.5, y + 0.5, zoomed),
});
get("state").then(async (state) => {
  Object.assign(page, state);
  if (!page.model) setTool("polygon");
  document.body.classList.toggle("modelless", !page.model);
  showTools();
  buildStrip(page.images, (k) => show(k), (k) => mark(page.images[k]));
  const open = nextOpen(0);
  await show(Math.max(0, open));
  if (open < 0) openSummary();
}).catch((error) => say(error.message, true));
