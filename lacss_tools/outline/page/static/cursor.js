// The cursor of somebody who works by keyboard: arrows move it, the space bar presses.
import { camera, placement } from "./camera.js";
import { centre } from "./looking.js";
import { page } from "./page.js";
import { brush, click, hand } from "./tools.js";
import { canvas } from "./view.js";

let penDown = false;

export function moveCursor([dx, dy], far) {
  const { field } = page;
  if (!field) return;
  const by = ((far ? 40 : 6) * (window.devicePixelRatio || 1)) / placement(canvas, field).scale;
  const at = hand.cursor ?? { x: field.width * camera.x, y: field.height * camera.y };
  const keep = (value, most) => Math.min(most - 0.01, Math.max(0, value));
  const place = { x: keep(at.x + dx * by, field.width), y: keep(at.y + dy * by, field.height), inside: true, byKey: true };
  const { scale, left, top } = placement(canvas, field), x = left + place.x * scale, y = top + place.y * scale;
  if (x < 0 || y < 0 || x > canvas.width || y > canvas.height) {
    centre(place.x, place.y);
  }
  brush.hover(place);
  if (penDown) brush.move(place);
}

export function press(event) {
  if (penDown || !page.field) return;
  moveCursor([0, 0]);
  Object.assign(hand.modifiers, { shift: event.shiftKey, alt: event.altKey, pan: false });
  penDown = brush.begin(hand.cursor);
  if (!penDown) click(hand.cursor, false, 1);
}

export function lift() {
  if (penDown) brush.end();
  penDown = false;
}
