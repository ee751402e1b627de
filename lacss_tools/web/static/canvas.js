// Draw one view: the picture, the outline of a mask (one width on the screen at any zoom), the points.
import { placement } from "./camera.js";
import { look, picture } from "./look.js";

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
const pixel = (r, g, b, a) => (LITTLE_ENDIAN ? (a << 24) | (b << 16) | (g << 8) | r : (r << 24) | (g << 16) | (b << 8) | a) >>> 0;
const LINE = pixel(255, 176, 0, 255);
const FILL = pixel(255, 176, 0, 84);
const HALO = pixel(0, 0, 0, 150);
const SKY = "#56b4e9";
const WHITE = "#fff";
const SHARP = 4; // screen pixels per image pixel from which single pixels are shown as squares
const MOST = 1_800_000; // pixels of an outline; beyond, it is drawn at half the resolution

export function fit(canvas) {
  const ratio = window.devicePixelRatio || 1, box = canvas.getBoundingClientRect();
  const width = Math.max(1, Math.round(box.width * ratio)), height = Math.max(1, Math.round(box.height * ratio));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
}

// `view` is {canvas, large, layer}: layer is a mask, or null for the plain image. `dots` are (y, x) in the image.
export function drawView(view, field, dots) {
  const { canvas } = view, context = canvas.getContext("2d");
  fit(canvas);
  const place = placement(canvas, field);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = place.scale < SHARP;
  context.imageSmoothingQuality = "high";
  context.drawImage(picture(field), place.left, place.top, field.width * place.scale, field.height * place.scale);
  if (look.hidden || !view.layer) return;
  drawMask(view, context, field, place);
  if (look.points) drawDots(view, context, field, place, dots);
}

function drawMask(view, context, field, place) {
  const { canvas } = view;
  const left = Math.max(0, Math.floor(place.left)), top = Math.max(0, Math.floor(place.top));
  const right = Math.min(canvas.width, Math.ceil(place.left + field.width * place.scale));
  const bottom = Math.min(canvas.height, Math.ceil(place.top + field.height * place.scale));
  const coarse = (right - left) * (bottom - top) > MOST ? 2 : 1;
  const width = Math.floor((right - left) / coarse), height = Math.floor((bottom - top) / coarse);
  if (width < 1 || height < 1) return;
  const columns = sources(width, coarse, left, place.left, place.scale, field.width);
  const rows = sources(height, coarse, top, place.top, place.scale, field.height);
  const inside = sample(view.layer, field.width, columns, rows);
  const ratio = window.devicePixelRatio || 1;
  const thick = Math.max(1, Math.round(((view.large ? 1.6 : 1) * ratio) / coarse)), halo = view.large ? HALO : 0;
  view.scratch ??= document.createElement("canvas");
  Object.assign(view.scratch, { width, height });
  const data = new ImageData(width, height);
  outline(new Uint32Array(data.data.buffer), inside, width, height, { thick, halo });
  view.scratch.getContext("2d").putImageData(data, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(view.scratch, left, top, width * coarse, height * coarse);
}

// Return for each screen pixel along one axis which pixel of the field it shows.
function sources(count, coarse, start, offset, scale, length) {
  return Int32Array.from({ length: count }, (_, i) => {
    const at = Math.floor((start + (i + 0.5) * coarse - offset) / scale);
    return Math.min(length - 1, Math.max(0, at));
  });
}

function sample({ data, offset, bit }, stride, columns, rows) {
  const out = new Uint8Array(columns.length * rows.length);
  let o = 0;
  for (const row of rows) {
    const base = offset + row * stride;
    for (let x = 0; x < columns.length; x++) out[o++] = (data[base + columns[x]] >> bit) & 1;
  }
  return out;
}

// Border pixels inside the mask become a bright line, those outside a dark one: visible on any background. The small
// views do without the dark one, which would hide what lies between close cells.
function outline(out, inside, width, height, { thick, halo }) {
  const slant = Math.max(1, Math.round(thick * 0.7)), fill = look.filled ? FILL : 0;
  const clamp = (value, last) => Math.min(last, Math.max(0, value));
  const shifted = (by) => Int32Array.from({ length: width }, (_, x) => clamp(x + by, width - 1));
  const [west, east, westSlant, eastSlant] = [-thick, thick, -slant, slant].map(shifted);
  for (let y = 0; y < height; y++) {
    const here = y * width;
    const [north, south, northSlant, southSlant] = [-thick, thick, -slant, slant].map((by) => clamp(y + by, height - 1) * width);
    for (let x = 0; x < width; x++) {
      const self = inside[here + x];
      if (!self && !halo) continue;
      let same = self === inside[north + x] && self === inside[south + x]
        && self === inside[here + west[x]] && self === inside[here + east[x]];
      if (same && thick > 1) {
        same = self === inside[northSlant + westSlant[x]] && self === inside[northSlant + eastSlant[x]]
          && self === inside[southSlant + westSlant[x]] && self === inside[southSlant + eastSlant[x]];
      }
      out[here + x] = self ? (same ? fill : LINE) : same ? 0 : halo;
    }
  }
}

// Points on cells are blue discs, points beside them white crosses: told apart by shape as well.
function drawDots(view, context, field, place, dots) {
  const ratio = window.devicePixelRatio || 1, radius = (view.large ? 3.6 : 1.6) * ratio;
  const { data, offset, bit } = view.layer;
  for (const [y, x] of dots) {
    const fx = (x + 0.5) / field.step, fy = (y + 0.5) / field.step;
    const cx = place.left + fx * place.scale, cy = place.top + fy * place.scale;
    if (cx < -radius || cy < -radius || cx > view.canvas.width + radius || cy > view.canvas.height + radius) continue;
    const column = Math.min(field.width - 1, Math.max(0, Math.floor(fx)));
    const row = Math.min(field.height - 1, Math.max(0, Math.floor(fy)));
    if ((data[offset + row * field.width + column] >> bit) & 1) disc(context, cx, cy, radius, view.large ? ratio : 0);
    else cross(context, cx, cy, (view.large ? 4 : 2.6) * ratio, ratio);
  }
}

function disc(context, x, y, radius, ratio) {
  context.beginPath();
  context.arc(x, y, radius, 0, 7);
  context.fillStyle = SKY;
  context.fill();
  if (!ratio) return;
  context.lineWidth = ratio;
  context.strokeStyle = "#000";
  context.stroke();
}

function cross(context, x, y, arm, ratio) {
  for (const [colour, width] of [["#000", 4.2], [WHITE, 2]]) {
    context.beginPath();
    for (const side of [-1, 1]) {
      context.moveTo(x - arm, y - side * arm);
      context.lineTo(x + arm, y + side * arm);
    }
    context.strokeStyle = colour;
    context.lineWidth = width * ratio;
    context.stroke();
  }
}

// The brush as a circle, or the place where a point would be set as a ring with a dot.
export function drawCursor(view, field, cursor) {
  const place = placement(view.canvas, field), context = view.canvas.getContext("2d"), ratio = window.devicePixelRatio || 1;
  const radius = cursor.radius ? (cursor.radius / field.step) * place.scale : 6 * ratio;
  const x = place.left + cursor.x * place.scale, y = place.top + cursor.y * place.scale;
  for (const [colour, width] of [["#000", 3], ["#fff", 1.4]]) {
    context.beginPath();
    context.arc(x, y, radius, 0, 7);
    if (cursor.erase) {
      context.moveTo(x - radius * 0.4, y);
      context.lineTo(x + radius * 0.4, y);
    }
    context.strokeStyle = colour;
    context.lineWidth = width * ratio;
    context.stroke();
  }
}
