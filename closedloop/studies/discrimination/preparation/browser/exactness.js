"use strict";
// Whether this screen can show the images as they are: one clear line for each thing that is against it.

const CSS_PX_A_DEGREE = 96 / 2.54;  // at 57 cm a degree is a centimetre, and a browser takes 96 pixels for an inch
const MOST_OFF_IN_A_ROW = 3;  // trials, before the frame rate is measured again
const SAME_RATE = 0.05;
const MOST_OFF = 0.1;  // of an image's time: 7 frames of 75 Hz are 93 ms and pass, 4 of 50 Hz would not for 90

const MOST_SCALE = 64;  // screen pixels an image pixel, as journals hold it

// Where the image goes: whole pixels of the page in size and place, so that with a whole ratio each pixel is a square.
function placeOf(task, side) {
  const scale = Math.max(1, Math.round((task.degrees * CSS_PX_A_DEGREE) / side));
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
  if (ratio >= 2 && window.outerWidth / window.innerWidth >= 1.9) {  // of a fine screen alone the two are alike
    return `The page is zoomed to about ${Math.round((100 * window.outerWidth) / window.innerWidth)} %, and the images would be larger than `
      + `${task.degrees} degrees. Set the zoom to 100 % (Ctrl and 0).`;
  }
  const { scale, size } = placeOf(task, side);
  if (scale * ratio > MOST_SCALE) {
    return `Images of ${side} pixels would be drawn with ${scale * ratio} screen pixels each, more than ${MOST_SCALE}. Prepare larger images.`;
  }
  if (size > Math.min(window.innerWidth, window.innerHeight)) {
    return `An image takes ${size} x ${size} pixels and does not fit into this window of ${window.innerWidth} x ${window.innerHeight}. `
      + "Make it larger.";
  }
  return "";
}

function faultOfRate(task, hz) {
  for (const [what, ms] of [["an image", task.image_ms], ["the grey between", task.gap_ms]]) {
    const shown = (1000 * framesOf(ms, hz)) / hz;
    if (Math.abs(shown - ms) > MOST_OFF * ms) {
      return `This screen draws ${hz.toFixed(1)} frames a second and would show ${what} for ${shown.toFixed(0)} ms in place of `
        + `${ms} ms. Set it to 60 frames a second.`;
    }
  }
  return "";
}

// Whether an image or the grey of a trial was up too long or too short, by time stamps: as the analysis judges it.
function isOff(task, hz, { counted, times }) {
  const [first, gap, second] = counted;
  const starts = [0, first, first + gap, first + gap + second].map((at) => times[at]);
  const most = (ms) => Math.max(MOST_OFF * ms, 1000 / hz) + 1;
  return [task.image_ms, task.gap_ms, task.image_ms].some((ms, i) => Math.abs(starts[i + 1] - starts[i] - ms) > most(ms));
}

// The frame rate may change in the middle: a screen that saves power, a window on another screen.
async function faultOfPace(watch) {
  if (watch.offInARow < MOST_OFF_IN_A_ROW) return "";
  const hz = await measureRate();
  if (Math.abs(hz - watch.hz) <= SAME_RATE * watch.hz) {
    watch.offInARow = 0;
    return "";
  }
  return `This screen draws ${hz.toFixed(1)} frames a second, and drew ${watch.hz.toFixed(1)} when you began. Set it back, or reload this page.`;
}

function faultOfSize(watch, task, side) {
  const px = placeOf(task, side).size * window.devicePixelRatio;
  if (px === watch.px) return "";
  return `An image would take ${px} pixels of this screen, and took ${watch.px} when you began. Set the zoom back, or reload this page.`;
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
