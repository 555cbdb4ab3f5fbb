"use strict";
// The experiment, a session and its images come as scripts: a page that is opened from a folder may read nothing else.

const loaded = { experiment: null, sessions: new Map(), images: new Map() };

function closedloopExperiment(document) {
  loaded.experiment = document;
}

function closedloopSession(number, trials) {
  loaded.sessions.set(number, trials);
}

function closedloopImage(name, base64) {
  loaded.images.set(name, base64);
}

function loadScript(address) {
  return new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = () => { script.remove(); done(); };
    script.onerror = () => failed(new Error(`${address}: expected a file of this page, found none. Copy the whole folder again.`));
    document.head.append(script);
  });
}

// A session's trials as [first, second] names of images, and the pixels of each, ready to be put on a canvas.
async function loadSession(number, side) {
  await loadScript(`sessions/${String(number).padStart(4, "0")}.js`);
  const trials = loaded.sessions.get(number);
  const pixels = new Map();
  for (const name of new Set(trials.flat())) {
    await loadScript(`images/${name}.js`);
    pixels.set(name, decode(loaded.images.get(name), side));
    loaded.images.delete(name);
  }
  return { trials, pixels };
}

function decode(base64, side) {
  const text = atob(base64);
  if (text.length !== side * side * 3) throw new Error("An image has another size than the experiment says. Copy the whole folder again.");
  const image = new ImageData(side, side);
  for (let from = 0, to = 0; from < text.length; from += 3, to += 4) {
    image.data[to] = text.charCodeAt(from);
    image.data[to + 1] = text.charCodeAt(from + 1);
    image.data[to + 2] = text.charCodeAt(from + 2);
    image.data[to + 3] = 255;
  }
  return image;
}
