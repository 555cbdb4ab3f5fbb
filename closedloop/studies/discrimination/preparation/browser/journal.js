"use strict";
// The journal: numbered lines, kept in this browser first and then sent. What was kept or sent twice counts once.

class Journal {
  // server: null for a page that was opened from a folder.
  constructor(experimentId, subject, session, server) {
    this.key = `closedloop/${experimentId}/${subject}/${session}`;
    this.subject = subject;
    this.session = session;
    this.server = server;
    this.rows = JSON.parse(localStorage.getItem(this.key) || "[]");
    this.sent = 0;
    this.sending = null;
    this.conflict = "";
    this.unsent = "";
  }

  // What the server holds may be more (this browser forgot) or less (it was away): the longer one is gone on with.
  join(stored) {
    const n = Math.min(stored.length, this.rows.length);
    for (let line = 0; line < n; line += 1) {
      if (!isSame(stored[line], this.rows[line])) {
        throw new Error("This session was gone on with on another computer or in another window. Go on there, or take another session.");
      }
    }
    if (stored.length > this.rows.length) this.rows = stored;
    this.sent = stored.length;
    this.keep();
  }

  add(row) {
    this.rows.push({ line: this.rows.length, ...row });
    this.keep();
    this.send();
  }

  keep() {
    localStorage.setItem(this.key, JSON.stringify(this.rows));
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
      answer = await fetch(name, { method: "POST", headers, body: JSON.stringify(content) });
    } catch {
      throw new Error("The program that keeps the answers does not answer. Call the experimenter.");
    }
    if (answer.ok) return answer.json();
    const fault = new Error((await answer.text()).trim());
    fault.isConflict = answer.status === 409;
    throw fault;
  }
}
