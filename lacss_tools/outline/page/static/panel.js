// The words around the view: where one is, what is selected and why it is in doubt, which tool is in hand.
import { $, many } from "./document.js";
import { look } from "./look.js";
import { isDone, page, STATES } from "./page.js";
import { rate } from "./rate.js";
import { hand } from "./tools.js";

const percent = (value) => `${Math.round(100 * value)} %`;

export function showProgress() {
  const image = page.images[page.at], done = page.images.filter(isDone).length, left = page.images.length - done;
  const here = page.images.filter(({ state }) => state === "finished").length;
  $("stem").textContent = $("stem").title = image.stem;
  $("state").textContent = STATES[image.state];
  $("where").textContent = `image ${page.at + 1} of ${page.images.length}`;
  $("done").textContent = `${done} done · ${left} left`;
  $("bar").max = page.images.length;
  $("bar").value = done;
  $("rate").textContent = rate(left);
  $("worth").textContent = worth(here);
  document.title = left ? `${left} left · lacss outline` : "all finished · lacss outline";
}

function worth(here) {
  const last = page.right.slice(-3), mean = last.reduce((sum, value) => sum + value, 0) / last.length;
  const right = last.length ? ` Of the suggestions on the last ${last.length > 1 ? `${last.length} images` : "image"}, ${percent(mean)} were right.` : "";
  if (here >= page.worth) return `${many(here, "image")} finished: train with them before you go on.${right}`;
  return `${page.bought} ${here} of ${many(page.worth, "suggested image")} finished.${right}`;
}

export function showSaved(under) {
  $("saved").textContent = under ? "saving …" : page.field?.changes ? "saved" : "";
}

export function showCell() {
  const { field, selected } = page, cell = field?.cells.get(selected);
  const at = field?.doubts.findIndex(({ n }) => n === selected) ?? -1, count = field?.doubts.length ?? 0;
  $("count").textContent = field ? many(field.count, "cell") : "";
  $("cell").textContent = cell ? told(cell) : "no cell selected";
  $("reason").textContent = at >= 0 ? `In doubt: ${field.doubts[at].reason}` : "";
  $("doubts").textContent = count ? `${at >= 0 ? `${at + 1} of ` : ""}${count} in doubt` : "";
  for (const [name, on] of [["undo", field?.undo], ["redo", field?.redo], ["doubt", count]]) {
    for (const button of document.querySelectorAll(`button[data-needs="${name}"]`)) button.disabled = !on;
  }
  for (const button of document.querySelectorAll('button[data-needs="cell"]')) button.disabled = !cell;
  $("ambiguous").setAttribute("aria-pressed", String(Boolean(cell?.ambiguous)));
}

function told({ n, by, score, ambiguous }) {
  const who = by === "person" ? "you" : `the network, score ${score.toFixed(2)}`;
  return `cell ${n}, drawn by ${who}${ambiguous ? "; ambiguous" : ""}`;
}

const HINTS = {
  click: "Click: the network draws the cell there. In the selected cell, or with Shift: add. With Alt: take away.",
  polygon: "Click the corners; double click, Enter or the first corner closes.",
  lasso: "Draw around the cell.",
  brush: "Paint on the selected cell, or a new one where none is selected.",
  erase: "Paint over what does not belong to the selected cell.",
  border: "Drag the border: outwards from inside the cell, inwards from outside.",
  split: "Draw a line through a cell.",
  merge: "Drag from one cell to the other, or select one and click the other.",
};

// What to do with the image on show, until something is done.
function firstSteps() {
  const { field, model, begun, opening } = page;
  if (opening) return "Opening the image …";
  if (begun || !field) return "";
  if (field.state === "elsewhere") return `${many(field.count, "cell")} made elsewhere. They stay as they are until you change one.`;
  if (field.state !== "open") return "";
  const doubts = field.doubts.length ? `, ${field.doubts.length} of them in doubt: N goes there` : "";
  if (field.count) return `${many(field.count, "cell")} suggested${doubts}. ${model ? "Click what is missing" : "Draw what is missing"}; Enter finishes the image.`;
  if (model) return "Click a cell: the network draws it. A asks for all cells at once. Enter finishes the image.";
  return "Click the corners of each cell; double click or Enter closes. After the last one, Enter finishes the image.";
}

export function showTools() {
  document.body.dataset.tool = page.tool;
  for (const button of document.querySelectorAll("button[data-tool]")) {
    button.setAttribute("aria-pressed", String(button.dataset.tool === page.tool));
  }
  for (const name of ["nuclei", "mask", "points", "filled", "hidden"]) $(name).setAttribute("aria-pressed", String(look[name]));
  const hint = firstSteps() || (page.tool === "click" && !page.model ? "Click a cell to select it." : HINTS[page.tool]);
  const radius = hand.radius();
  $("hint").textContent = radius ? `${hint} Radius ${radius} px: [ and ].` : hint;
}
