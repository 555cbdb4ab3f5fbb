"use strict";
// One session from the form to the end: who, consent, checks, instructions, trials, thanks.

const { experiment } = loaded;
const { task, image_side_px: side } = experiment;
const page = document.getElementById("page");
const stage = document.getElementById("stage");
const isServed = location.protocol === "http:" || location.protocol === "https:";
const token = new URLSearchParams(location.hash.slice(1)).get("token") || "";
const isKept = isServed && token !== "";  // on a web server of the laboratory's own nobody keeps the answers but the browser
const server = isKept ? new Server(token) : null;
const [CHARACTERS_A_TRIAL, CHARACTERS_A_FRAME] = [400, 12];  // of the journal, at most
const BEGUN = `closedloop/${experiment.experiment_id}/begun`;

document.body.style.backgroundColor = `rgb(${task.grey_level}, ${task.grey_level}, ${task.grey_level})`;

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function show(...children) {
  document.body.classList.remove("running");
  stage.hidden = true;
  page.replaceChildren(...children);
}

// Ctrl and R or another command of the browser or of the system is no answer.
window.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) event.stopImmediatePropagation();
}, true);

function refuse(line) {
  show(
    element("h1", { textContent: "This cannot be shown here yet" }),
    element("p", { className: "fault", textContent: line }),
    element("button", { textContent: "Try again", onclick: () => location.reload() }),
  );
}

// ---- who, and consent

// No field of a form: of those, browsers ask their makers what to fill in.
function entry(label, hint, value, submit) {
  const field = element("span", { className: "entry", contentEditable: "plaintext-only", spellcheck: false, tabIndex: 0, textContent: value });
  field.setAttribute("role", "textbox");
  field.setAttribute("aria-label", label);
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    submit();
  });
  return { field, row: element("div", { className: "field" }, label, element("small", { textContent: hint }), field) };
}

let giveBack = () => {};  // the session that this window holds

function askWho(fault = "") {
  giveBack();
  const given = new URLSearchParams(location.search);
  const subject = entry("Your code", "As the experimenter gave it to you, such as S07. Not your name.", given.get("subject") || "", submit);
  const session = entry("Session", `As the experimenter gave it to you, 1 to ${experiment.n_sessions}.`, given.get("session") || "", submit);
  const consent = experiment.consent ? [element("div", { className: "consent", textContent: experiment.consent, tabIndex: 0 })] : [];
  const button = element("button", { textContent: experiment.consent ? "I have read this and take part" : "Begin", onclick: submit });

  function submit() {
    const code = subject.field.textContent.trim().toUpperCase();
    const number = Number(session.field.textContent.trim());
    if (!new RegExp(experiment.subject_pattern).test(code)) {
      askWho("Expected a code of up to three letters and up to four digits, such as S07. Nothing else about you is stored.");
    } else if (!isKept && !(Number.isInteger(number) && number >= 1 && number <= experiment.n_sessions)) {
      askWho(`Expected a session from 1 to ${experiment.n_sessions}. Ask the experimenter.`);
    } else {
      begin({ subject: code, session: isKept ? null : number, consented: Boolean(experiment.consent) });
    }
  }

  const faults = fault ? [element("p", { className: "fault", textContent: fault })] : [];
  const stored = "What is stored: your code, the date, which images were shown and when, your answers and how long they took, and "
    + "the screen's frame rate and pixel size. Nothing else about you or this computer.";
  show(
    element("h1", { textContent: "Same or different?" }), ...faults, subject.row, ...(isKept ? [] : [session.row]), ...consent,
    element("p", {}, button), element("p", { className: "stored", textContent: stored }));
  subject.field.focus();
}

async function begin(who) {
  try {
    let { session } = who;
    let stored = [];
    if (server) ({ session, rows: stored } = await server.post("open", { subject: who.subject, session }));
    show(element("p", { textContent: "The images are loaded and the screen is measured …" }));
    giveBack();
    giveBack = await holdSession(`closedloop/${experiment.experiment_id}/${who.subject}/${session}`);
    const journal = new Journal(experiment.experiment_id, who.subject, session, server);
    journal.join(stored);
    sessionStorage.setItem(BEGUN, JSON.stringify({ ...who, session }));
    if (journal.isFinished) {
      await end(journal);
      return;
    }
    const { trials, pixels } = await loadSession(session, side);
    const hz = await measureRate();
    const room = trials.length * (CHARACTERS_A_TRIAL + CHARACTERS_A_FRAME * (2 * framesOf(task.image_ms, hz) + framesOf(task.gap_ms, hz)));
    const fault = faultOfStorage(room) || faultOfScreen(task, side) || faultOfRate(task, hz) || faultOfPixels(pixels, side);
    if (fault) {
      refuse(fault);
      return;
    }
    instruct({ journal, trials, pixels, hz, who });
  } catch (fault) {
    sessionStorage.removeItem(BEGUN);
    askWho(fault.message);
  }
}

// ---- instructions

function instruct(at) {
  const left = at.trials.length - at.journal.answered.size;
  const goesOn = left < at.trials.length;
  const other = element("a", { href: "#", textContent: "Not you?", onclick: (event) => { event.preventDefault(); sessionStorage.removeItem(BEGUN); askWho(); } });
  const notices = at.journal.notice ? [element("p", { className: "fault", textContent: at.journal.notice })] : [];
  const start = element("button", { textContent: goesOn ? "Go on" : "Start", onclick: () => run(at) });
  show(
    element("h1", { textContent: goesOn ? `${left} of ${at.trials.length} pairs are left` : "Are the two images the same?" }),
    ...notices,
    element("p", { id: "who" }, `Code ${at.journal.subject}, session ${at.journal.session}. `, other),
    element("p", { textContent: "Two images appear one after the other, each for an instant. Say whether they were completely identical, or not." }),
    element("ul", { className: "keys" },
      element("li", {}, key(task.same_key), " if they were ", element("b", { textContent: "identical" })),
      element("li", {}, key(task.different_key), " if they ", element("b", { textContent: "differed" }), " in anything at all")),
    element("p", { textContent: `You have ${task.answer_s} seconds for each answer; if you are not sure, guess. Differences are often very small. In half of the pairs there is none.` }),
    element("p", { textContent: "Sit about 57 cm from the screen, an arm's length, and look at its middle." }),
    start,
  );
  start.focus();
}

function key(name) {
  return element("kbd", { textContent: name });
}

// ---- trials

async function run(at) {
  const { journal, trials, pixels, hz, who } = at;
  const zero = performance.now();
  const launch = journal.launches + 1;
  const frames = { imageFrames: framesOf(task.image_ms, hz), gapFrames: framesOf(task.gap_ms, hz), grey: task.grey_level };
  const ratio = window.devicePixelRatio;
  const place = placeOf(task, side);
  const watch = { hz, px: place.size * ratio, offInARow: 0 };
  journal.add({
    event: "launched", experiment_id: experiment.experiment_id, subject: who.subject, session: journal.session,
    simulated: experiment.simulated, launch, front_end: "browser", date: new Date().toISOString().slice(0, 10),
    code_version: experiment.code_version, refresh_hz: round(hz), image_frames: frames.imageFrames, gap_frames: frames.gapFrames,
    device_pixel_ratio: ratio, image_px: place.size * ratio, image_scale: place.scale * ratio,
    surface_px: [window.innerWidth * ratio, window.innerHeight * ratio], images_compared: pixels.size, consented: who.consented,
  });
  const jsPsych = initJsPsych({ display_element: stage, override_safe_mode: true });  // nothing of ours is asked for from elsewhere
  const left = trials.map((_, number) => number).filter((number) => !journal.answered.has(number));
  const timeline = left.flatMap((number) => stepsOf(number, { ...at, jsPsych, zero, launch, frames, watch }));
  stage.hidden = false;
  document.body.classList.add("running");
  await jsPsych.run(timeline);
  journal.add({ event: "finished", launch });
  await end(journal);
}

function stepsOf(number, { journal, trials, pixels, jsPsych, zero, launch, frames, watch }) {
  const [first, second] = trials[number];
  let shown = null;
  const canvasSize = [side, side];
  return [
    {
      type: jsPsychCanvasKeyboardResponse, choices: "NO_KEYS", canvas_size: canvasSize,
      stimulus: async (canvas) => {
        fillGrey(canvas, task.grey_level);
        await pause(task.pause_ms);
        await untilExact(journal, watch);
        lay(canvas);
        journal.add({ event: "begun", launch, trial: number });
        shown = await showPair(canvas, pixels.get(first), pixels.get(second), frames);
        watch.offInARow = isOff(task, watch.hz, shown) ? watch.offInARow + 1 : 0;
        jsPsych.finishTrial({});
      },
    },
    {
      type: jsPsychCanvasKeyboardResponse, choices: [task.same_key, task.different_key], canvas_size: canvasSize,
      trial_duration: task.answer_s * 1000,
      prompt: `<p class="question"><span><kbd>${task.same_key}</kbd> identical</span><span><kbd>${task.different_key}</kbd> different</span></p>`,
      stimulus: (canvas) => { lay(canvas); fillGrey(canvas, task.grey_level); },
      on_finish: ({ response, rt }) => {
        const isLate = rt > task.answer_s * 1000;  // a busy browser may be late to end the trial
        const answer = isLate ? null : { [task.same_key]: "same", [task.different_key]: "different" }[response] ?? null;
        journal.add({
          event: "trial", launch, trial: number, first, second, answer, reaction_ms: answer === null ? null : round(rt),
          n_frames: shown.counted, frame_ms: shown.times.map((time) => round(Math.max(time - zero, 0))),
        });
      },
    },
  ];
}

// Whole pixels of the page, wherever jsPsych put it.
function lay(canvas) {
  const { size, left, top } = placeOf(task, side);
  Object.assign(canvas.style, { width: `${size}px`, height: `${size}px`, left: `${left}px`, top: `${top}px` });
}

function pause(ms) {
  return new Promise((done) => setTimeout(done, ms));
}

// The window may be moved to another screen or zoomed in the middle, or the last answers may not be stored: nothing is
// shown until all is right again.
async function untilExact(journal, watch) {
  const line = element("p", { id: "held", className: "fault" });
  for (;;) {
    await journal.secure();
    const fault = journal.fault || faultOfScreen(task, side) || faultOfSize(watch, task, side) || await faultOfPace(watch);
    if (!fault) break;
    line.textContent = fault;
    document.body.append(line);
    await pause(250);
  }
  line.remove();
}

function round(value) {
  return Math.round(value * 100) / 100;
}

// ---- the end

async function end(journal) {
  show(element("p", { textContent: "The answers are stored …" }));
  await journal.send();
  sessionStorage.removeItem(BEGUN);
  const name = `${journal.subject}-${String(journal.session).padStart(4, "0")}.jsonl`;
  const isStored = server !== null && !journal.conflict && journal.sent === journal.rows.length;
  if (isStored) journal.forget();
  const said = isStored
    ? "Your answers are stored. You may close this page."
    : "Save the file of your answers and give it to the experimenter. It stays in this browser as well.";
  const children = [element("h1", { textContent: "That was all. Thank you!" }), element("p", { textContent: said })];
  const fault = journal.conflict || (journal.unsent ? `Not everything could be sent: ${journal.unsent}` : journal.unkept);
  if (fault && !isStored) children.push(element("p", { className: "fault", textContent: fault }));
  if (!isStored) {
    const file = new Blob([journal.asLines()], { type: "application/x-ndjson" });
    children.push(element("a", { className: "button", href: URL.createObjectURL(file), download: name, textContent: `Save ${name}` }));
  }
  const again = element("p", { className: "stored" }, element("a", { href: "#", textContent: "Another session", onclick: (event) => { event.preventDefault(); askWho(); } }));
  show(...children, again);
  if (server && !isStored && !journal.conflict) await sendLater(journal, children[0]);
}

// The program that keeps the answers may come back while the page is still open.
async function sendLater(journal, heading) {
  while (journal.sent < journal.rows.length && heading.isConnected) {
    await pause(1000);
    await journal.send();
  }
  if (heading.isConnected) await end(journal);
}

// ---- a reload goes on where it was

async function start() {
  const fault = faultOfStorage(1) || await faultOfLink();
  if (fault) {
    refuse(fault);
    return;
  }
  const begun = JSON.parse(sessionStorage.getItem(BEGUN) || "null");
  if (begun) await begin(begun);
  else askWho();
}

// Without its token the page of `serve` could store nothing there; on another web server there is none.
async function faultOfLink() {
  if (!isServed || token) return "";
  try {
    const answer = await fetch("served");
    const said = answer.ok ? await answer.json() : {};
    if (said.served !== experiment.experiment_id) return "";
  } catch {
    return "";
  }
  window.addEventListener("hashchange", () => location.reload());
  return "This link is incomplete. Open the whole link that `closedloop discrimination serve` printed, with all that stands after the #.";
}

start();
