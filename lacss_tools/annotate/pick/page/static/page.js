// What the window shows now, shared by its modules.

export const page = {
  images: [], // as the server has them on disk: {stem, choice, by, edited, threshold, version}
  at: 0, // the image asked for
  field: null, // the image on show, null while it loads: keys choose only for what can be seen
  shown: 1, // the candidate in the large view
};

export const isDone = (image) => image.choice !== null;
export const isOwn = (image) => image.choice === "own";

// Return the first undecided image from number `from` on, starting over at the front; -1 when all are decided.
export function nextOpen(from) {
  const later = page.images.findIndex((image, k) => k >= from && !isDone(image));
  return later >= 0 ? later : page.images.findIndex((image) => !isDone(image));
}

export function stateText(image) {
  if (image.choice === null) return "";
  if (isOwn(image)) return "has a mask made elsewhere";
  if (image.choice === "none") return "rejected";
  const repaired = image.edited ? `, repaired (${image.edited.split("+").join(", ")})` : "";
  return `candidate ${image.choice}${image.by === "auto" ? ", accepted" : ""}${repaired}`;
}

// What a thumbnail says of an image, in one sign.
export function mark(image) {
  if (image.choice === null) return { badge: "" };
  if (isOwn(image)) return { badge: "●" };
  return image.choice === "none" ? { badge: "✕", rejected: true } : { badge: image.choice + (image.edited ? "+" : "") };
}
