// A brush on an array: the same rule as on the server, so that what is seen is what is saved.

// Set or clear the pixels whose centre is within `radius` of the line from a to b; all lengths in image pixels.
export function paintLine(mask, field, a, b, { radius, erase }) {
  const { width, height, step } = field, middle = (step - 1) / 2;
  const first = (value, r) => Math.max(0, Math.ceil((value - r - middle) / step));
  const last = (value, r, most) => Math.min(most - 1, Math.floor((value + r - middle) / step));
  const dy = b[0] - a[0], dx = b[1] - a[1], length2 = dy * dy + dx * dx, value = erase ? 0 : 1;
  for (let row = first(Math.min(a[0], b[0]), radius); row <= last(Math.max(a[0], b[0]), radius, height); row++) {
    const y = row * step + middle - a[0];
    for (let column = first(Math.min(a[1], b[1]), radius); column <= last(Math.max(a[1], b[1]), radius, width); column++) {
      const x = column * step + middle - a[1];
      const along = length2 ? Math.min(1, Math.max(0, (y * dy + x * dx) / length2)) : 0;
      if ((y - along * dy) ** 2 + (x - along * dx) ** 2 <= radius * radius) mask[row * width + column] = value;
    }
  }
}

export function paintStroke(mask, field, stroke) {
  const { points } = stroke;
  paintLine(mask, field, points[0], points[0], stroke);
  for (let i = 1; i < points.length; i++) paintLine(mask, field, points[i - 1], points[i], stroke);
}

// Return a mask of a layer's bit as zeros and ones.
export function copyLayer(layer, field) {
  const size = field.width * field.height, out = new Uint8Array(size);
  for (let i = 0; i < size; i++) out[i] = (layer.data[layer.offset + i] >> layer.bit) & 1;
  return out;
}
