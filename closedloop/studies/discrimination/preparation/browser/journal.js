"use strict";
// The journal: numbered lines, kept in this browser first and then sent. What was kept or sent twice counts once.

const MOST_MS = 10_000;  // for the server to answer

class Journal {
  // server: null for a page that was opened from a folder.
  constructor(experimentId, subject, session, server) {
    this.key = `closedloop/${experimentId}/${subject}/${session}`;
    this.subject = subject;
    this.session = session;
    this.server = server;
    this.text = localStorage.getItem(this.key);
    this.rows = JSON.parse(this.text || "[]");
    this.sent = 0;
    this.sending = null;
    this.conflict = "";
    this.unsent = "";
    this.unkept = "";
    this.notice = "";
  }

  // What the server holds may be more (this browser forgot) or less (it was away): the longer one is gone on with. Where
  // the two differ the server's are the session, and this browser's stay here under a name of their own.
  join(stored) {
    const n = Math.min(stored.length, this.rows.length);
    let same = 0;
    while (same < n && isSame(stored[same], this.rows[same])) same += 1;
    if (same < n) {
      this.putAside();
      this.notice = "A part of this session was shown in another window or on another computer as well. It goes on with the "
        + `answers that are stored by the experimenter's program; ${this.rows.length - same} lines that this browser alone had `
        + "stay in it, put aside, and do not count. Tell the experimenter.";
      this.rows = stored;
    } else if (stored.length > this.rows.length) {
      this.rows = stored;
    }
    this.sent = stored.length;
    this.keep();
  }

  putAside() {
    let number = 1;
    while (localStorage.getItem(`${this.key}/conflict/${number}`) !== null) number += 1;
    localStorage.setItem(`${this.key}/conflict/${number}`, JSON.stringify(this.rows));
  }

  add(row) {
    this.rows.push({ line: this.rows.length, ...row });
    this.keep();
    this.send();
  }

  // Another window may have gone on with the session: what it wrote is never written over.
  keep() {
    if (this.conflict) return;
    const text = JSON.stringify(this.rows);
    try {
      const there = localStorage.getItem(this.key);
      if (there !== null && there !== this.text) {
        this.conflict = "This session goes on in another window. Go on there, and close this one.";
        this.putAside();
        return;
      }
      localStorage.setItem(this.key, text);
      this.text = text;
      this.unkept = "";
    } catch {
      this.unkept = "This browser stores no more answers: its storage is full or refused. Call the experimenter, and leave this page open.";
    }
  }

  // Once the server has all of it, nothing of a person stays in this browser.
  forget() {
    localStorage.removeItem(this.key);
    this.text = null;
  }

  // Why nothing more may be shown: what was answered last is not safe.
  get fault() {
    return this.conflict || this.unsent || (this.server ? "" : this.unkept);
  }

  async secure() {
    if (this.unkept) this.keep();
    if (this.server && this.sent < this.rows.length) await this.send();
  }

  // Sends what was not sent; one request at a time, and what fails goes with the next line.
  send() {
    if (!this.server || this.sending || this.conflict) return this.sending;
    this.sending = this.sendAll().finally(() => { this.sending = null; });
    return this.sending;
  }

  async sendAll() {
    while (this.sent < this.rows.length) {
      const rows = this.rows.slice(this.sent);
      try {
        const answer = await this.server.post("journal", { subject: this.subject, session: this.session, rows });
        this.sent = answer.n_rows;
        this.unsent = "";
      } catch (fault) {
        if (fault.isConflict) this.conflict = fault.message;
        this.unsent = fault.message;
        return;
      }
    }
  }

  get launches() {
    return this.rows.filter((row) => row.event === "launched").length;
  }

  get answered() {
    return new Set(this.rows.filter((row) => row.event === "trial").map((row) => row.trial));
  }

  get isFinished() {
    return this.rows.some((row) => row.event === "finished");
  }

  asLines() {
    return this.rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  }
}

// One window of this browser at a time shows a session. Promises what gives it back.
async function holdSession(key) {
  if (!navigator.locks) return () => {};
  for (let tries = 20; tries > 0; tries -= 1) {  // a page that is just being reloaded gives it back in an instant
    let release = () => {};
    const isHeld = await new Promise((done) => {
      const wait = (lock) => {
        done(lock !== null);
        return lock === null ? null : new Promise((free) => { release = free; });
      };
      (async () => navigator.locks.request(key, { ifAvailable: true }, wait))().catch(() => done(true));  // not in this browser
    });
    if (isHeld) return release;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error("This session is open in another window of this browser. Go on there, or close that window and begin again.");
}

function faultOfStorage(nCharacters) {
  const key = "closedloop/probe";
  try {
    localStorage.setItem(key, "0".repeat(nCharacters));
    localStorage.removeItem(key);
    sessionStorage.setItem(key, "0");
    sessionStorage.removeItem(key);
    return "";
  } catch {
    return "This browser does not store the answers: its storage is refused to this page, or full. Allow this page to store data, or take another browser.";
  }
}

// By content: the server writes the keys of a line in an order of its own.
function isSame(one, other) {
  if (typeof one !== "object" || one === null || typeof other !== "object" || other === null) return one === other;
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => key in other && isSame(one[key], other[key]));
}

// Who keeps the journal, where the page is served: `closedloop discrimination serve`.
class Server {
  constructor(token) {
    this.token = token;
  }

  async post(name, content) {
    const headers = { "Content-Type": "application/json", "X-Closedloop-Token": this.token };
    let answer;
    try {
      answer = await fetch(name, { method: "POST", headers, body: JSON.stringify(content), signal: AbortSignal.timeout(MOST_MS) });
    } catch {
      throw new Error("The program that keeps the answers does not answer. Call the experimenter.");
    }
    if (answer.ok) return answer.json();
    const fault = new Error((await answer.text()).trim());
    fault.isConflict = answer.status === 409;
    throw fault;
  }
}
