// What is shown and how: zoom, the place in view, layers, channels, contrast.
import { camera, moveBy, placement, resetCamera, zoomAt } from "./camera.js";
import { $, say } from "./document.js";
import { loadMask, loadNucleiCounts } from "./fields.js";
import { keepLook, look } from "./look.js";
import { page } from "./page.js";
import { showTools } from "./panel.js";
import { hand } from "./tools.js";
import { canvas, redraw, redrawMoving } from "./view.js";

export const view = { moved: () => {} }; // called when another part of the image is in view: set by main.js

function moved() {
  redrawMoving();
  view.moved();
}

export function centre(x, y, zoomed = camera.zoom) {
  Object.assign(camera, { zoom: zoomed, x: x / page.field.width, y: y / page.field.height });
  moveBy(0, 0);
  moved();
}

// Show a box (y0, x0, y1, x1) of the image in the middle, closer if it is small on the screen.
export function lookAt([y0, x0, y1, x1]) {
  const { field } = page, sizes = [...field.cells.values()].map(({ box: [a, b, c, d] }) => Math.max(c - a, d - b)).sort((a, b) => a - b);
  const size = Math.max(y1 - y0, x1 - x0, sizes[sizes.length >> 1]); // a small one is shown among its neighbours
  const fitting = Math.min(canvas.width / field.width, canvas.height / field.height);
  const closer = Math.min(24, Math.max(1, camera.zoom, (0.2 * Math.min(canvas.width, canvas.height)) / size / fitting));
  centre((x0 + x1) / 2, (y0 + y1) / 2, closer);
}

export function zoom(factor) {
  const { field } = page;
  if (!field) return;
  const box = canvas.getBoundingClientRect(), place = placement(canvas, field), ratio = canvas.width / box.width;
  const at = hand.cursor ?? { x: field.width * camera.x, y: field.height * camera.y };
  const event = { clientX: box.left + (place.left + at.x * place.scale) / ratio, clientY: box.top + (place.top + at.y * place.scale) / ratio };
  zoomAt(canvas, field, event, factor);
  moved();
}

export function toggleWhole() {
  if (camera.zoom > 1) {
    resetCamera();
    moved();
  } else zoom(4);
}

export function flip(name) {
  look[name] = !look[name];
  keepLook();
  showTools();
  redraw();
}

export async function flipNuclei() {
  if (page.field && !page.field.nuclei) return say("This image has no DAPI image of the same name in dapi/.", true);
  if (page.field) await loadNucleiCounts(page.field).catch((error) => say(error.message, true));
  flip("nuclei");
}

export async function flipMask() {
  if (page.field && !page.field.mask) return say("This image has no mask of the same name and size in masks/.", true);
  if (page.field) await loadMask(page.field).catch((error) => say(error.message, true));
  flip("mask");
}

export function nextChannel() {
  const count = page.field?.channels ?? 1;
  look.channel = look.channel === null ? 0 : look.channel + 1 >= count ? null : look.channel + 1;
  say(look.channel === null ? (count > 3 ? "the first three channels" : "all channels") : `channel ${look.channel + 1} of ${count}`);
  redraw();
}

export function contrast(value) {
  look.contrast = Math.min(100, Math.max(0, value));
  $("contrast").value = look.contrast;
  keepLook();
  redraw();
}
