// Wheel, drag, pinch and click on a view, by mouse, pen or touch. A brush may take the drags over.
import { camera, panBy, pointAt, toggleZoom, zoomAt } from "./camera.js";

const STILL = 5; // pixels that a finger may tremble within a click
const TWICE = 300; // milliseconds between the clicks of a double click

// `of()` returns the field on show; `changed()` redraws; `brush` is asked first; `click` gets what is left.
export function listen(canvas, { of, changed, brush, click }) {
  const fingers = new Map();
  let start = null, painting = false, moved = false, pinch = 0, last = null;

  const spread = () => {
    const [a, b] = [...fingers.values()];
    return { clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2,
      size: Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY) };
  };

  canvas.addEventListener("wheel", (event) => {
    if (!of()) return;
    event.preventDefault();
    zoomAt(canvas, of(), event, Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)));
    changed();
  }, { passive: false });

  canvas.addEventListener("pointerdown", (event) => {
    if (!of() || event.button > 1) return;
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, event);
    if (fingers.size === 2) {
      pinch = spread().size;
      moved = true;
      if (painting) brush.cancel();
      painting = false;
    } else if (fingers.size === 1) {
      start = event;
      moved = false;
      painting = event.button === 0 && Boolean(brush?.begin(pointAt(canvas, of(), event)));
    }
  });

  canvas.addEventListener("pointermove", (event) => {
    if (!of()) return;
    brush?.hover(pointAt(canvas, of(), event));
    const before = fingers.get(event.pointerId);
    if (!before) return;
    if (fingers.size === 2) {
      const old = spread();
      fingers.set(event.pointerId, event);
      const now = spread();
      panBy(canvas, of(), now.clientX - old.clientX, now.clientY - old.clientY);
      zoomAt(canvas, of(), now, now.size / Math.max(1, pinch));
      pinch = now.size;
      changed();
      return;
    }
    if (painting) {
      for (const step of event.getCoalescedEvents?.() ?? [event]) brush.move(pointAt(canvas, of(), step));
    } else {
      moved ||= Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) > STILL;
      if (moved) {
        panBy(canvas, of(), event.clientX - before.clientX, event.clientY - before.clientY);
        changed();
      }
    }
    fingers.set(event.pointerId, event);
  });

  const end = (event) => {
    if (!fingers.delete(event.pointerId) || fingers.size) return;
    if (painting) brush.end();
    else if (!moved && event.type === "pointerup" && event.button === 0 && of()) {
      const near = last && Math.hypot(event.clientX - last.clientX, event.clientY - last.clientY) <= STILL;
      const twice = Boolean(near) && event.timeStamp - last.timeStamp < TWICE;
      last = twice ? null : event;
      click?.(event, twice);
    }
    painting = false;
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("pointerleave", () => brush?.hover(null));
}

export function zoomOnDoubleClick(canvas, field, event, twice) {
  if (twice) toggleZoom(pointAt(canvas, field, event), field);
  return twice && camera.zoom >= 1;
}
