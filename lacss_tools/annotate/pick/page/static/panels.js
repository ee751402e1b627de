// The candidates side by side and the large views above them; all show the same part of the image.
import { drawCursor, drawView } from "./canvas.js";
import { candidateLayer } from "./fields.js";
import { listen, zoomOnDoubleClick } from "./gestures.js";
import { $, element } from "./document.js";
import { isDone, isOwn, page } from "./page.js";
import { repair } from "./repair.js";

const JUST_SHOWN = 300; // milliseconds in which the second half of a double click must not choose for the next image
const plain = { canvas: $("plain"), large: true, layer: null };
const chosen = { canvas: $("chosen"), large: true, layer: null };
let small = [];
let since = 0;
let waiting = 0;

export function setUpLarge() {
  const of = () => page.field, click = (view) => (event, twice) => {
    if (twice && !repair.active) zoomOnDoubleClick(view.canvas, page.field, event, twice);
    redraw();
  };
  listen(plain.canvas, { of, changed: redraw, click: click(plain) });
  listen(chosen.canvas, { of, changed: redraw, click: click(chosen), brush: repair.brush });
  new ResizeObserver(redraw).observe(document.querySelector("main"));
}

// Build what belongs to the image on show; `choose(n)` is called by a click on candidate n.
export function showField(choose) {
  const field = page.field, image = page.images[page.at], count = field.thresholds.length;
  since = performance.now();
  document.querySelector("main").style.setProperty("--ratio", field.width / field.height);
  document.querySelector("main").style.setProperty("--n", count);
  document.querySelector("main").classList.toggle("wide", field.width / field.height > 2.4);
  if (small.length !== count) small = build(count, choose);
  small.forEach((view, i) => label(view, field, image, i + 1));
  enlarge(preferred());
}

// Return the candidate to look at first: the one chosen, else the suggested one.
export function preferred() {
  return Number(page.images[page.at].choice) || page.field.suggestion;
}

function build(count, choose) {
  const views = Array.from({ length: count }, (_, i) => {
    const canvas = document.createElement("canvas"), mark = element("span", "mark"), text = element("span", "facts");
    const button = element("button", "choice", element("span", "frame", canvas, mark), element("span", "label", element("kbd", "", i + 1), text));
    button.onmouseenter = button.onfocus = () => !repair.active && enlarge(i + 1);
    button.onclick = (event) => event.detail === 0 && choose(i + 1); // by keyboard; the pointer comes from `listen`
    const click = () => performance.now() - since > JUST_SHOWN && choose(i + 1);
    listen(canvas, { of: () => page.field, changed: redraw, click });
    return { canvas, button, mark, text, large: false, layer: null };
  });
  $("candidates").replaceChildren(...views.map((view) => view.button));
  return views;
}

function label(view, field, image, n) {
  const isChosen = image.choice === String(n), suggested = field.suggestion === n;
  view.layer = candidateLayer(field, n);
  view.button.classList.toggle("suggested", suggested);
  view.button.classList.toggle("picked", isChosen);
  view.mark.textContent = isChosen ? (image.edited ? "chosen, repaired" : "chosen") : suggested ? "suggested" : "";
  const area = `${Math.round(100 * field.areas[n - 1])} % area`;
  const points = field.lois.length ? `${field.inside[n - 1]}/${field.lois.length} points` : "";
  view.text.replaceChildren(element("span", "", area), element("span", "", points));
  view.button.setAttribute("aria-label", [`candidate ${n}`, view.mark.textContent, area, points].filter(Boolean).join(", "));
}

// Show candidate n large; the mask on disk instead where it is none of the candidates.
export function enlarge(n) {
  const { field } = page, image = page.images[page.at];
  if (!field) return;
  page.shown = n;
  const own = isOwn(image), saved = field.saved && (own || String(n) === image.choice);
  chosen.layer = repair.active ? repair.layer : saved ? field.saved : candidateLayer(field, n);
  $("caption").textContent = caption(field, image, n, saved, own);
  small.forEach((view, i) => view.button.classList.toggle("shown", i + 1 === n && !own));
  redraw();
}

function caption(field, image, n, saved, own) {
  if (repair.active) return repair.title();
  if (saved) return own ? "the mask made elsewhere" : `the saved mask: candidate ${n}, repaired`;
  const mark = isDone(image) && image.choice === String(n) ? ", chosen" : n === field.suggestion ? ", suggested" : "";
  return `candidate ${n}${mark}`;
}

export function redraw() {
  waiting ||= requestAnimationFrame(() => {
    waiting = 0;
    drawNow();
  });
}

export function drawNow() {
  const { field } = page;
  if (!field) return;
  if (repair.active) chosen.layer = repair.layer;
  const dots = repair.active ? repair.dots() : field.lois;
  for (const view of [plain, chosen, ...small]) drawView(view, field, dots);
  if (repair.active && repair.cursor) drawCursor(chosen, field, repair.cursor);
}

export function showFailure(error) {
  $("failure").textContent = error ? `This image cannot be shown: ${error.message} Press 0 to reject it.` : "";
  document.querySelector("main").classList.toggle("failed", Boolean(error));
}
