// How images are shown: what is switched on, and the picture under the outlines.

export const look = { points: true, nuclei: false, mask: false, filled: false, hidden: false, contrast: 50, channel: null };

const SETTINGS = "lacss-look";

export function keepLook() {
  localStorage.setItem(SETTINGS, JSON.stringify({ ...look, hidden: false, channel: null }));
}

export function recallLook() {
  try {
    Object.assign(look, JSON.parse(localStorage.getItem(SETTINGS)) || {});
  } catch {
    localStorage.removeItem(SETTINGS);
  }
}

function histogram(bytes) {
  const counts = new Uint32Array(256);
  for (const value of bytes) counts[value]++;
  return counts;
}

function quantile(counts, share) {
  const total = counts.reduce((sum, n) => sum + n, 0);
  let seen = 0;
  for (let value = 0; value < 256; value++) if ((seen += counts[value]) >= share * total) return value;
  return 255;
}

// Bytes hold the square root of the intensity. The slider's middle saturates 0.3 % of the pixels, with gamma 0.6.
function table(counts, contrast) {
  const saturated = 0.003 * 10 ** ((contrast - 50) / 33);
  const gamma = 0.85 - contrast / 200;
  const linear = (byte) => (byte / 255) ** 2;
  const low = linear(quantile(counts, 0.01)), high = Math.max(linear(quantile(counts, 1 - saturated)), low + 1e-6);
  return Uint8Array.from({ length: 256 }, (_, byte) => {
    const share = Math.min(1, Math.max(0, (linear(byte) - low) / (high - low)));
    return Math.round(255 * share ** gamma);
  });
}

function channelTables(field) {
  const size = field.width * field.height;
  field.counts ??= Array.from({ length: field.channels }, (_, c) => histogram(field.pixels.subarray(c * size, (c + 1) * size)));
  return field.counts.map((counts) => table(counts, look.contrast));
}

// Return a canvas with the picture of the field (or of a tile of one, with the counts of all of it), one pixel each;
// made anew only when the look has changed.
export function picture(field) {
  const alone = look.channel !== null && look.channel < field.channels ? look.channel : null;
  const made = `${look.contrast} ${alone} ${look.nuclei && Boolean(field.nuclei)}`;
  if (field.picture?.made === made) return field.picture.canvas;
  const { width, height } = field, size = width * height, tables = channelTables(field);
  const data = new ImageData(width, height), out = data.data;
  const of = (c) => field.pixels.subarray(c * size, (c + 1) * size);
  // one channel is grey; of two the first is red and blue, the second green; the first three are red, green and blue
  const source = alone !== null ? [alone, alone, alone] : [[0, 0, 0], [0, 1, 0], [0, 1, 2]][Math.min(3, field.channels) - 1];
  source.forEach((c, colour) => {
    const bytes = of(c), levels = tables[c];
    for (let i = 0, o = colour; i < size; i++, o += 4) out[o] = levels[bytes[i]];
  });
  for (let o = 3; o < out.length; o += 4) out[o] = 255;
  if (look.nuclei && field.nuclei) addNuclei(out, field);
  const canvas = field.picture?.canvas ?? document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").putImageData(data, 0, 0);
  field.picture = { made, canvas };
  return canvas;
}

// Nuclei in magenta over a dimmed image: told from grey and from the orange outlines without red-green vision.
function addNuclei(out, field) {
  const { nuclei } = field, levels = table((field.nucleiCounts ??= histogram(nuclei)), look.contrast);
  for (let i = 0, o = 0; i < nuclei.length; i++, o += 4) {
    const d = levels[nuclei[i]];
    out[o] = Math.min(255, out[o] * 0.75 + d * 0.75);
    out[o + 1] = out[o + 1] * 0.75;
    out[o + 2] = Math.min(255, out[o + 2] * 0.75 + d * 0.85);
  }
}
