// How fast one decides, and how long the rest will take.

export const PAUSE = 60_000; // milliseconds; a longer gap between two decisions was a break, not work
const RECENT = 30;
const gaps = [];
let last = performance.now();

export function countDecision() {
  const now = performance.now();
  if (now - last < PAUSE) gaps.push(now - last);
  if (gaps.length > RECENT) gaps.shift();
  last = now;
}

export function pace(left) {
  if (gaps.length < 3) return "";
  const each = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const perMinute = Math.round(60_000 / each);
  return left ? `${perMinute} per min · ${timeLeft(each * left)}` : `${perMinute} per min`;
}

export function timeLeft(milliseconds) {
  const minutes = milliseconds / 60_000;
  return minutes < 1 ? "under a minute left" : `about ${Math.round(minutes)} min left`;
}
