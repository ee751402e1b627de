// How fast cells are finished, and how long the rest will take.
import { PAUSE, timeLeft } from "./pace.js";

let busy = 0, cells = 0, images = 0, last = performance.now();

// Count the time since the action before as work, unless it was a break.
export function countWork() {
  const now = performance.now();
  if (now - last < PAUSE) busy += now - last;
  last = now;
}

export function countImage(count) {
  countWork();
  cells += count;
  images++;
}

export function rate(left) {
  if (!images) return "";
  const perMinute = `${Math.round((60_000 * cells) / busy)} cells per min`;
  return left ? `${perMinute} · ${timeLeft((busy * left) / images)}` : perMinute;
}
