"use strict";
// What is shown frame by frame, counted here and not by a timer, with the time stamp of every frame.

const SAME_FRAME_MS = 1;

function nextFrame() {
  return new Promise((done) => requestAnimationFrame(done));
}

// Frames a second, from the middle of many intervals: one that came late changes nothing.
async function measureRate(n = 60) {
  const times = [];
  for (let i = 0; i <= n; i += 1) times.push(await nextFrame());
  const intervals = times.slice(1).map((time, i) => time - times[i]).sort((a, b) => a - b);
  return 1000 / intervals[Math.floor(intervals.length / 2)];
}

function fillGrey(canvas, level) {
  const context = contextOf(canvas);
  context.fillStyle = `rgb(${level}, ${level}, ${level})`;
  context.fillRect(0, 0, canvas.width, canvas.height);
}

// First image, grey, second image, grey: drawn as their first frame begins. Promises { counted, times }.
function showPair(canvas, first, second, { imageFrames, gapFrames, grey }) {
  const context = contextOf(canvas);
  const phases = [
    { frames: imageFrames, draw: () => context.putImageData(first, 0, 0) },
    { frames: gapFrames, draw: () => fillGrey(canvas, grey) },
    { frames: imageFrames, draw: () => context.putImageData(second, 0, 0) },
  ];
  const counted = [0, 0, 0];
  const times = [];
  let phase = 0;
  return new Promise((done) => {
    function frame(time) {
      if (time - times.at(-1) < SAME_FRAME_MS) {  // a busy browser may call twice for one frame of the screen
        requestAnimationFrame(frame);
        return;
      }
      times.push(time);
      if (counted[phase] === phases[phase].frames) phase += 1;
      if (phase === phases.length) {
        fillGrey(canvas, grey);
        done({ counted, times });
        return;
      }
      if (counted[phase] === 0) phases[phase].draw();
      counted[phase] += 1;
      requestAnimationFrame(frame);
    }
    requestAnimationFrame(frame);
  });
}
