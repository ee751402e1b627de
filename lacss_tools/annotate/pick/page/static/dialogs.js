// What opens over the page: accepting many suggestions, the summary at the end.
import { $, many } from "./document.js";
import { page } from "./page.js";
import { get } from "./server.js";

// ---- accept all ----

let scores = {};
let looking = 0;

const atLeast = () => Number($("least").value);
const matching = () => Object.values(scores).filter((score) => score >= atLeast()).length;

export function showMatching() {
  $("least-value").textContent = atLeast().toFixed(2);
  $("accept-now").textContent = `Accept ${many(matching(), "suggestion")}`;
  $("accept-now").disabled = looking > 0 || matching() === 0;
  const known = Object.keys(scores).length;
  $("accept-count").textContent = looking ? `Scoring the images, ${many(looking, "more", "more")} to look at …`
    : `${matching()} of ${many(known, "undecided image")} reach this score; the others stay undecided.`;
}

export async function openAccept() {
  scores = {};
  looking = 1;
  $("accept").showModal();
  showMatching();
  while (looking && $("accept").open) {
    const answer = await get("scores");
    scores = answer.scores;
    looking = answer.left;
    showMatching();
  }
}

export const acceptBody = () => ({ score: atLeast() });

export function showAccepting() {
  $("accept-now").disabled = true;
  $("accept-count").textContent = `Saving ${many(matching(), "mask")} …`;
}

// ---- the end ----

export function openSummary() {
  const { images } = page, count = (test) => images.filter(test).length;
  const rejected = count((i) => i.choice === "none"), own = count((i) => i.choice === "own");
  const repaired = count((i) => i.edited), accepted = count((i) => i.by === "auto" && i.choice !== "none");
  const rows = [
    [images.length - rejected - own, "picked"], [repaired, "of them repaired"], [accepted, "of them accepted without a look"],
    [rejected, "rejected"], [own, "with a mask made elsewhere"],
  ].filter(([n], i) => i === 0 || n);
  $("counts").replaceChildren(...rows.flatMap(([n, what]) => {
    const [value, name] = [document.createElement("dd"), document.createElement("dt")];
    value.textContent = n;
    name.textContent = what;
    return [value, name];
  }));
  if (!$("summary").open) $("summary").showModal();
}
