"use strict";
// Whether this screen can show the images as they are: one clear line for each thing that is against it.

const CSS_PX_A_DEGREE = 96 / 2.54;  // at 57 cm a degree is a centimetre, and a browser takes 96 pixels for an inch
const MOST_OFF = 0.1;  // of an image's time: 7 frames of 75 Hz are 93 ms and pass, 4 of 50 Hz would not for 90

// Where the image goes: whole pixels of the page in size and place, so that with a whole ratio each pixel is a square.
function placeOf(task, side) {
  let scale = Math.max(1, Math.round((task.degrees * CSS_PX_A_DEGREE) / side));
  while (scale > 1 && side * scale > Math.min(window.innerWidth, window.innerHeight)) scale -= 1;
  const size = side * scale;
  return { scale, size, left: Math.floor((window.innerWidth - size) / 2), top: Math.floor((window.innerHeight - size) / 2) };
}

function faultOfScreen(task, side) {
  const ratio = window.devicePixelRatio;
  if (!Number.isInteger(ratio)) {
    return `This browser draws ${Number(ratio.toFixed(3))} screen pixels for one of the page and would blur the images. `
      + "Set the zoom to 100 % (Ctrl and 0) and the system's scaling to 100 % or 200 %.";
  }
  if (window.visualViewport && window.visualViewport.scale !== 1) {
    return "The page is magnified and would blur the images. Zoom out until it fills the window.";
  }
  if (side > Math.min(window.innerWidth, window.innerHeight)) {
    return `An image of ${side} pixels does not fit into this window of ${window.innerWidth} x ${window.innerHeight}. Make it larger.`;
  }
  return "";
}

function faultOfRate(task, hz) {
  const frames = framesOf(task.image_ms, hz);
  const shown = (1000 * frames) / hz;
  if (Math.abs(shown - task.image_ms) <= MOST_OFF * task.image_ms) return "";
  return `This screen draws ${hz.toFixed(1)} frames a second and would show an image for ${shown.toFixed(0)} ms in place of `
    + `${task.image_ms} ms. Set it to 60 frames a second.`;
}

function framesOf(ms, hz) {
  return Math.max(1, Math.round((ms * hz) / 1000));
}

// Every image is drawn and read back: some browsers alter what a page reads, or what it draws, against tracking.
function faultOfPixels(pixels, side) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const context = contextOf(canvas);
  for (const image of pixels.values()) {
    context.putImageData(image, 0, 0);
    const seen = context.getImageData(0, 0, side, side).data;
    if (!image.data.every((value, place) => value === seen[place])) {
      return "This browser gives back other pixels than were drawn, as a protection against tracking does. "
        + "Allow this page to read its canvas, or take another browser.";
    }
  }
  return "";
}

function contextOf(canvas) {
  return canvas.getContext("2d", { alpha: false, willReadFrequently: true, colorSpace: "srgb" });
}
