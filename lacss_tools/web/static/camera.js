// Zoom and pan, shared by all views: they always show the same part of the image.

export const camera = { zoom: 1, x: 0.5, y: 0.5 }; // x, y: the point in the middle, as parts of the image
export const CLOSER = 3;
const MAX_ZOOM = 24;

export function resetCamera() {
  Object.assign(camera, { zoom: 1, x: 0.5, y: 0.5 });
}

// Return how a field lies in a canvas: canvas = (left, top) + scale * field, in pixels of both.
export function placement(canvas, field) {
  const scale = Math.min(canvas.width / field.width, canvas.height / field.height) * camera.zoom;
  const along = (room, length, middle) => {
    const shown = length * scale;
    if (shown <= room) return (room - shown) / 2;
    return Math.min(0, Math.max(room - shown, room / 2 - middle * shown));
  };
  return {
    scale,
    left: along(canvas.width, field.width, camera.x),
    top: along(canvas.height, field.height, camera.y),
  };
}

// Return the point of the field (y, x; in its pixels, edges at whole numbers) under a pointer event.
export function pointAt(canvas, field, event) {
  const box = canvas.getBoundingClientRect(), place = placement(canvas, field), ratio = canvas.width / box.width;
  const x = ((event.clientX - box.left) * ratio - place.left) / place.scale;
  const y = ((event.clientY - box.top) * ratio - place.top) / place.scale;
  return { x, y, inside: x >= 0 && y >= 0 && x < field.width && y < field.height };
}

export function zoomAt(canvas, field, event, factor) {
  const before = pointAt(canvas, field, event);
  camera.zoom = Math.min(MAX_ZOOM, Math.max(1, camera.zoom * factor));
  const after = pointAt(canvas, field, event);
  moveBy((before.x - after.x) / field.width, (before.y - after.y) / field.height);
}

export function moveBy(x, y) {
  const keep = (value) => Math.min(1 - 0.5 / camera.zoom, Math.max(0.5 / camera.zoom, value));
  camera.x = keep(camera.x + x);
  camera.y = keep(camera.y + y);
}

export function panBy(canvas, field, dx, dy) {
  const { scale } = placement(canvas, field), ratio = canvas.width / canvas.getBoundingClientRect().width;
  moveBy((-dx * ratio) / scale / field.width, (-dy * ratio) / scale / field.height);
}

export function toggleZoom(point, field) {
  if (camera.zoom > 1) return resetCamera();
  camera.zoom = CLOSER;
  camera.x = point ? point.x / field.width : 0.5;
  camera.y = point ? point.y / field.height : 0.5;
  moveBy(0, 0);
}
