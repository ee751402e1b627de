// The large view: image, cells, points, and what the tool in hand is about to do.
import { placement } from "./camera.js";
import { drawArea, drawCells, drawPreview, drawSelected, thickness } from "./cells.js";
import { fit } from "./canvas.js";
import { $ } from "./document.js";
import { look } from "./look.js";
import { page } from "./page.js";
import { drawTiles } from "./tiles.js";
import { hand } from "./tools.js";

const SETTLED = 90; // milliseconds without a movement, after which thousands of outlines are drawn anew
const SKY = "#56b4e9";
let waiting = 0, settling = 0, moving = false;

export const canvas = $("view");

export function redraw() {
  waiting ||= requestAnimationFrame(() => {
    waiting = 0;
    drawNow();
  });
}

// Redraw while the view moves: outlines of many cells follow as a picture and are drawn sharply once it rests.
export function redrawMoving() {
  moving = true;
  clearTimeout(settling);
  settling = setTimeout(() => {
    moving = false;
    redraw();
  }, SETTLED);
  redraw();
}

export function drawNow() {
  const { field } = page;
  fit(canvas);
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (!field) return;
  const place = placement(canvas, field);
  drawTiles(context, field, place, redraw);
  if (!look.hidden && look.mask && field.area) drawArea(context, field.area, place);
  drawCells(context, field, place, moving);
  const selected = field.cells.get(page.selected);
  if (!look.hidden && selected) drawSelected(context, selected, place);
  if (!look.hidden && look.points) drawPoints(context, field, place);
  if (hand.preview) drawPreview(context, hand.preview, place);
  drawDraft(context, place);
  if (hand.cursor) drawCursor(context, place);
}

function drawPoints(context, field, place) {
  const ratio = thickness(canvas), radius = Math.max(1.5, Math.min(3.4, 5 * place.scale)) * ratio;
  context.fillStyle = SKY;
  context.strokeStyle = "#000";
  context.lineWidth = ratio;
  for (const [y, x] of field.lois) {
    const cx = place.left + (x + 0.5) * place.scale, cy = place.top + (y + 0.5) * place.scale;
    if (cx < -radius || cy < -radius || cx > canvas.width + radius || cy > canvas.height + radius) continue;
    context.beginPath();
    context.arc(cx, cy, radius, 0, 7);
    context.fill();
    context.stroke();
  }
}

// The line that is being drawn: as wide as the brush, or thin with its corners.
function drawDraft(context, place) {
  const { draft } = hand, ratio = thickness(canvas);
  if (!draft) return;
  const points = draft.open && hand.cursor ? [...draft.points, hand.cursor] : draft.points;
  const at = ({ x, y }) => [place.left + x * place.scale, place.top + y * place.scale];
  context.save();
  context.lineJoin = context.lineCap = "round";
  context.beginPath();
  points.forEach((point, i) => (i ? context.lineTo(...at(point)) : context.moveTo(...at(point))));
  if (points.length === 1) context.lineTo(...at(points[0]));
  if (draft.radius) {
    context.strokeStyle = draft.erase ? "rgb(20 20 20 / .6)" : "rgb(86 180 233 / .55)";
    context.lineWidth = 2 * draft.radius * place.scale;
    context.stroke();
  } else {
    for (const [colour, width] of [["#000", 3.4], ["#fff", 1.6]]) {
      context.strokeStyle = colour;
      context.lineWidth = width * ratio;
      context.stroke();
    }
    for (const point of draft.open ? draft.points : []) {
      context.fillStyle = "#fff";
      context.fillRect(...at(point).map((value) => value - 2.5 * ratio), 5 * ratio, 5 * ratio);
    }
  }
  context.restore();
}

// The brush as a circle, with a bar when it erases; a cross where the keyboard points.
function drawCursor(context, place) {
  const { cursor } = hand, ratio = thickness(canvas), brush = hand.radius();
  const radius = brush ? brush * place.scale : 6 * ratio;
  if (!brush && !cursor.byKey) return;
  const x = place.left + cursor.x * place.scale, y = place.top + cursor.y * place.scale;
  for (const [colour, width] of [["#000", 3], ["#fff", 1.4]]) {
    context.beginPath();
    if (brush) context.arc(x, y, radius, 0, 7);
    if (page.tool === "erase" || !brush) {
      context.moveTo(x - radius * 0.6, y);
      context.lineTo(x + radius * 0.6, y);
    }
    if (!brush) {
      context.moveTo(x, y - radius * 0.6);
      context.lineTo(x, y + radius * 0.6);
    }
    context.strokeStyle = colour;
    context.lineWidth = width * ratio;
    context.stroke();
  }
}
