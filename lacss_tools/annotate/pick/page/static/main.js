// The actions of the page and the keys for them. The page holds no truth of its own: after each action it shows the
// state that the server has on disk.
import { camera, moveBy, toggleZoom } from "./camera.js";
import { acceptBody, openAccept, openSummary, showAccepting, showMatching } from "./dialogs.js";
import { fetchAhead, forget, load, loadNuclei, loadSaved } from "./fields.js";
import { keepLook, look, recallLook } from "./look.js";
import { $, many, openDialog, say, toggleHelp } from "./document.js";
import { isDone, isOwn, mark, nextOpen, page, stateText } from "./page.js";
import { drawNow, enlarge, preferred, redraw, setUpLarge, showFailure, showField } from "./panels.js";
import { countDecision } from "./pace.js";
import { showProgress } from "./progress.js";
import { isCutting, repair, repairBody } from "./repair.js";
import { closeRepair, openRepair, repairKey, setUpRepair } from "./repairbar.js";
import { Conflict, get, post } from "./server.js";
import { buildStrip, showCurrent, showState } from "./strip.js";

let busy = false;

// ---- showing ----

async function show(k, note = "") {
  const wanted = (page.at = Math.max(0, Math.min(page.images.length - 1, k)));
  closeRepair();
  page.field = null;
  delete document.body.dataset.shown;
  showProgress();
  showCurrent(wanted);
  say(note);
  try {
    const field = await load(wanted);
    await Promise.all([loadSaved(field, page.images[wanted]), look.nuclei && loadNuclei(field).catch((e) => say(e.message, true))]);
    if (wanted !== page.at) return;
    page.field = field;
    showFailure(null);
    showField(choose);
    drawNow();
    document.body.dataset.shown = wanted; // for whoever measures how long it takes
  } catch (error) {
    if (wanted !== page.at) return;
    showFailure(error);
  }
  const open = page.images.map((_, i) => (wanted + 1 + i) % page.images.length).filter((i) => page.images[i].choice === null);
  fetchAhead([...new Set([...open.slice(0, 3), Math.min(wanted + 1, page.images.length - 1)])], () => wanted === page.at);
}

function update(changed) {
  for (const [k, state] of Object.entries(changed)) {
    page.images[k] = state;
    showState(Number(k));
  }
}

// Learn what other windows and people did meanwhile.
async function catchUp() {
  const { images } = await get("state");
  images.forEach((image, k) => {
    if (image.version !== page.images[k].version) {
      update({ [k]: image });
      forget(k);
    }
  });
}

async function act(work) {
  if (busy || !page.images.length) return;
  busy = true;
  try {
    await work();
  } catch (error) {
    if (error instanceof Conflict) {
      await catchUp().catch(() => {});
      await show(page.at);
    }
    say(error.message, true);
  } finally {
    busy = false;
  }
}

// ---- deciding ----

async function goOn(note) {
  countDecision();
  const next = nextOpen(page.at + 1);
  await show(next >= 0 ? next : page.at, note);
  if (next < 0) openSummary();
}

const failed = (error) => {
  error.message = `Not saved: ${error.message}`;
  throw error;
};

const choose = (number) => act(async () => {
  if (repair.active || (number !== null && !page.field)) return;
  const { stem, version } = page.images[page.at];
  const { changed } = await post(`image/${page.at}/choose`, { version, choice: number }).catch(failed);
  update(changed);
  await goOn(`${stem}: ${stateText(changed[page.at])}, saved`);
});

const saveRepair = () => act(async () => {
  if (isCutting()) return;
  const { stem, version } = page.images[page.at], body = repairBody();
  const { changed } = await post(`image/${page.at}/repair`, { version, ...body }).catch(failed);
  update(changed);
  forget(page.at);
  closeRepair();
  await goOn(`${stem}: ${stateText(changed[page.at])}, saved`);
});

const undo = () => act(async () => {
  const { changed } = await post("undo", {}), numbers = Object.keys(changed).map(Number);
  update(changed);
  numbers.forEach(forget);
  openDialog()?.close();
  const what = numbers.length > 1 ? many(numbers.length, "pick") : page.images[numbers[0]].stem;
  await show(Math.min(...numbers), `undone: ${what}`);
});

const accept = () => act(async () => {
  showAccepting();
  const { changed } = await post("accept", acceptBody()).finally(() => $("accept").close());
  update(changed);
  await goOn(`${many(Object.keys(changed).length, "suggestion")} accepted; U takes all of them back`);
});

const startRepair = () => act(async () => {
  const image = page.images[page.at];
  if (!page.field || repair.active) return;
  if (isOwn(image)) throw new Error("This mask was made elsewhere. Move it away to pick and repair here.");
  const saved = page.field.saved && String(page.shown) === image.choice;
  openRepair(page.field, saved ? null : page.shown);
  enlarge(page.shown);
});

function leaveRepair() {
  closeRepair();
  enlarge(preferred());
}

// ---- looking ----

function flip(name) {
  look[name] = !look[name];
  say("");
  showToggles();
  keepLook();
  redraw();
}

async function flipNuclei() {
  if (page.field && !page.field.dapi) return say("This image has no DAPI image of the same name in dapi/.", true);
  flip("nuclei");
  if (look.nuclei && page.field) await loadNuclei(page.field).catch((error) => say(error.message, true));
  redraw();
}

function zoom() {
  toggleZoom(null, page.field);
  redraw();
  showToggles();
}

function contrast(value) {
  look.contrast = Math.min(100, Math.max(0, value));
  $("contrast").value = look.contrast;
  keepLook();
  redraw();
}

function showToggles() {
  for (const name of ["points", "nuclei", "filled"]) $(name).setAttribute("aria-pressed", String(look[name]));
  $("zoom").setAttribute("aria-pressed", String(camera.zoom > 1));
}

const pan = (x, y) => {
  moveBy(x / 8 / camera.zoom, y / 8 / camera.zoom);
  redraw();
};

// ---- keys ----

const KEYS = {
  arrowleft: () => show(page.at - 1), arrowright: () => show(page.at + 1),
  home: () => show(0), end: () => show(page.images.length - 1),
  enter: () => page.field && choose(page.field.suggestion),
  0: () => choose(null), r: () => choose(null), u: undo, e: startRepair, a: () => openAccept().catch((e) => say(e.message, true)),
  l: () => flip("points"), d: flipNuclei, f: () => flip("filled"), h: () => flip("hidden"), z: zoom,
  ",": () => contrast(look.contrast - 10), ".": () => contrast(look.contrast + 10), "?": toggleHelp,
};
const PANS = { arrowleft: [-1, 0], arrowright: [1, 0], arrowup: [0, -1], arrowdown: [0, 1] };
const AGAIN = new Set(["arrowleft", "arrowright", ",", "."]); // held keys repeat these, and decide nothing

function key(event) {
  const name = event.key.toLowerCase(), dialog = openDialog();
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  if (dialog) {
    if (name === "?" && dialog.id === "help") toggleHelp();
    else if (name === "u" && dialog.id === "summary") undo();
    else return false;
    return true;
  }
  if (event.target.matches?.("input[type=range]") && /^(arrow|page|home|end)/.test(name)) return false;
  if (name === "enter" && event.target.closest("button")) return false; // the button under focus is meant
  if (name === " " && event.target.closest("button")) return false;
  if (repair.active && name in { l: 1, d: 1, f: 1, h: 1, z: 1, ",": 1, ".": 1, "?": 1 }) return KEYS[name](), true;
  if (repair.active) return repairKey(event, { save: saveRepair, leave: leaveRepair });
  if (event.shiftKey && PANS[name]) return pan(...PANS[name]), true;
  if (event.repeat && !AGAIN.has(name)) return name in KEYS || /^[1-9]$/.test(name);
  if (/^[1-9]$/.test(name)) {
    if (page.field && Number(name) <= page.field.thresholds.length) choose(Number(name));
    return true;
  }
  if (!(name in KEYS)) return false;
  KEYS[name]();
  return true;
}

function setUp() {
  document.addEventListener("keydown", (event) => page.images.length && key(event) && event.preventDefault());
  for (const button of document.querySelectorAll("button[data-key]")) button.onclick = () => KEYS[button.dataset.key]();
  for (const button of document.querySelectorAll("button[data-close]")) button.onclick = () => openDialog().close();
  $("contrast").oninput = () => contrast(Number($("contrast").value));
  $("least").oninput = showMatching;
  $("accept-now").onclick = accept;
  setUpRepair({ redraw, save: saveRepair, leave: leaveRepair, title: () => enlarge(page.shown) });
  setUpLarge();
  window.addEventListener("focus", () => !busy && page.images.length && catchUp().then(showProgress).catch(() => {}));
}

recallLook();
setUp();
contrast(look.contrast);
showToggles();
get("state").then(async (state) => {
  page.images = state.images;
  buildStrip(page.images, (k) => show(k), (k) => ({ ...mark(page.images[k]), text: stateText(page.images[k]), done: isDone(page.images[k]) }));
  const open = nextOpen(0);
  await show(Math.max(0, open));
  if (open < 0) openSummary();
}).catch((error) => say(error.message, true));
