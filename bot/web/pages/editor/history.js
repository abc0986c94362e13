// What was chosen before, so that it can be taken back.

const PAUSE = 700; // milliseconds that part two changes of the same kind

export class History {
  constructor() {
    this.past = [];
    this.interrupt();
  }

  /** Let the next change be taken back by itself, whatever it is. */
  interrupt() {
    this.kind = null;
  }

  /** Remember *look* before a change of *kind*; changes that follow each other at once are one. */
  record(look, kind) {
    const now = performance.now();
    if (kind !== this.kind || now - this.at > PAUSE) this.past.push(look);
    Object.assign(this, { kind, at: now });
  }

  get isEmpty() {
    return this.past.length === 0;
  }

  takeBack() {
    this.interrupt();
    return this.past.pop();
  }
}
