// What the window shows now, shared by its modules.

export const page = {
  images: [], // as the server has them: {stem, state}
  at: 0, // the image asked for
  field: null, // the image on show with its cells, null while it loads
  opening: false, // whether it does
  selected: 0, // number of the selected cell, 0 for none
  tool: "click",
  begun: false, // whether anything was done in this window
  model: null, // what answers clicks, null for nobody
  worth: 0, // images that are suggested
  bought: "", // what the last training brought
  right: [], // how right the suggestions were, newest last
};

export const STATES = { open: "", begun: "begun", finished: "finished", elsewhere: "labels made elsewhere" };
const BADGES = { open: "", begun: "…", finished: "✓", elsewhere: "●" };

export const isDone = (image) => image.state === "finished" || image.state === "elsewhere";
export const mark = (image) => ({ badge: BADGES[image.state], text: STATES[image.state] || "not begun", done: isDone(image) });

// Return the first image from number `from` on that is not done, starting over at the front; -1 when all are.
export function nextOpen(from) {
  const later = page.images.findIndex((image, k) => k >= from && !isDone(image));
  return later >= 0 ? later : page.images.findIndex((image) => !isDone(image));
}
