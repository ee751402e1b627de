// The controls of a repair, and its keys: everything the pointer does can be done from the keyboard.
import { $, say } from "./document.js";
import { page } from "./page.js";
import {
  beginRepair, currentThreshold, cutAt, endRepair, moveCursor, repair, resizeBrush, setTool, thresholdRange, undoStep,
} from "./repair.js";

const TOOLS = { b: "add", x: "erase", p: "points" };
const ARROWS = { arrowleft: [-1, 0], arrowright: [1, 0], arrowup: [0, -1], arrowdown: [0, 1] };
const STEPS = 400; // positions of the slider between its ends
let penDown = false;

export function setUpRepair({ redraw, save, leave, title }) {
  repair.onChange = () => {
    showTools();
    redraw();
  };
  repair.onError = (error) => say(error.message, true);
  $("threshold").oninput = () => cutAt(Number($("threshold").value)).then(title);
  for (const button of document.querySelectorAll("button[data-tool]")) button.onclick = () => setTool(button.dataset.tool);
  $("smaller").onclick = () => resizeBrush(-1);
  $("larger").onclick = () => resizeBrush(1);
  $("step-back").onclick = () => undoStep() || say("Nothing to take back in this repair.");
  $("leave").onclick = leave;
  $("save").onclick = save;
  document.addEventListener("keyup", (event) => {
    if (event.key === " " && penDown) liftPen();
  });
}

export function openRepair(field, from) {
  const [low, high] = thresholdRange(field), slider = $("threshold");
  Object.assign(slider, { min: low, max: high, step: (high - low) / STEPS });
  $("ticks").replaceChildren(...field.thresholds.map((t, i) => {
    const tick = document.createElement("span");
    tick.textContent = i + 1;
    tick.style.setProperty("--at", (t - low) / (high - low));
    return tick;
  }));
  document.body.classList.add("repairing");
  beginRepair(field, from);
  slider.value = currentThreshold() ?? field.thresholds[page.shown - 1];
  showTools();
}

export function closeRepair() {
  penDown = false;
  endRepair();
  document.body.classList.remove("repairing");
}

function showTools() {
  if (!repair.active) return;
  for (const button of document.querySelectorAll("button[data-tool]")) {
    button.setAttribute("aria-pressed", String(button.dataset.tool === repair.tool));
  }
  $("threshold-value").textContent = Number($("threshold").value).toFixed(3);
  $("caption").textContent = repair.title();
}

function liftPen() {
  penDown = false;
  repair.brush.end();
}

// The cursor of somebody who works by keyboard: arrows move it, the space bar paints where it is.
function moveByKey([dx, dy], far) {
  const { field } = page, at = repair.cursor ?? { x: field.width / 2, y: field.height / 2 }, by = far ? 16 : 3;
  const keep = (value, most) => Math.min(most - 0.5, Math.max(0.5, value));
  const place = { x: keep(at.x + dx * by, field.width), y: keep(at.y + dy * by, field.height) };
  moveCursor(place);
  if (penDown) repair.brush.move(place);
}

export function repairKey(event, { save, leave }) {
  const name = event.key.toLowerCase();
  if (ARROWS[name]) moveByKey(ARROWS[name], event.shiftKey);
  else if (name === " ") {
    if (!event.repeat && !penDown) {
      moveByKey([0, 0]);
      penDown = repair.brush.begin(repair.cursor);
    }
  } else if (event.repeat) return false;
  else if (TOOLS[name]) setTool(TOOLS[name]);
  else if (name === "[" || name === "-") resizeBrush(-1);
  else if (name === "]" || name === "+") resizeBrush(1);
  else if (name === "u") undoStep() || say("Nothing to take back in this repair.");
  else if (name === "t") $("threshold").focus();
  else if (name === "escape") leave();
  else if (name === "enter") save();
  else return false;
  return true;
}
