// The part of the clip that is used, and its cover: handles over a strip of pictures, and a small
// muted copy.

const MIN_SECONDS = 0.5;
const LINGER = 1200;
const CLOSE = 0.05; // seconds from the end that are the end
const STEP = 0.1;

function clock(seconds) {
  const whole = Math.floor(seconds / 60);
  const rest = (seconds - 60 * whole).toFixed(1);
  return `${whole}:${rest.padStart(4, "0")}`;
}

export class Trim {
  /**
   * *find* returns elements by their ids; `onChange({start, end, cover})` receives seconds: `end`
   * null for the clip's end, `cover` null for the middle of the part.
   */
  constructor(find, seconds, onChange) {
    Object.assign(this, { find, seconds, onChange, cover: null });
    this.start = find("start");
    this.end = find("end");
    this.video = find("proxy");
    this.length = STEP * Math.ceil(seconds / STEP - 1e-6); // handles stop at whole steps
    for (const handle of [this.start, this.end, find("cover")]) {
      handle.max = this.length;
      handle.step = STEP;
    }
    for (const handle of [this.start, this.end]) handle.addEventListener("input", () => this.change(handle));
    find("cover").addEventListener("input", () => this.choose(Number(find("cover").value)));
    find("middle").addEventListener("click", () => this.choose(null));
    find("play").addEventListener("click", () => this.toggle());
    this.video.addEventListener("timeupdate", () => this.stopAtEnd());
  }

  /** Show what *look* has, if it is not what the handles say. */
  follow({ start, end, cover }) {
    const now = this.value;
    if (now.start === start && now.end === end && now.cover === cover && this.isShown) return;
    this.isShown = true;
    this.start.value = start;
    this.end.value = end ?? this.length;
    this.cover = cover;
    this.show();
  }

  /** Show the pictures and the copy, once they have come. */
  async load(readPicture, readVideo) {
    this.find("pictures").src = URL.createObjectURL(await readPicture());
    this.video.src = URL.createObjectURL(await readVideo());
    this.find("play").disabled = false;
  }

  get span() {
    return [Number(this.start.value), Number(this.end.value)];
  }

  get value() {
    const [start, end] = this.span;
    return { start, end: end >= this.seconds - CLOSE ? null : end, cover: this.cover };
  }

  change(handle) {
    const [start, end] = this.span;
    if (handle === this.start) this.start.value = Math.min(start, Math.max(0, end - MIN_SECONDS));
    else this.end.value = Math.max(end, Math.min(this.length, start + MIN_SECONDS));
    this.tell(Number(handle.value));
  }

  choose(cover) {
    this.cover = cover;
    this.tell(this.shownCover);
  }

  /** The time of the cover within the part. */
  get shownCover() {
    const [start, end] = this.span;
    return this.cover === null ? (start + end) / 2 : Math.min(end, Math.max(start, this.cover));
  }

  tell(peeked) {
    if (this.cover !== null) this.cover = this.shownCover;
    this.video.pause();
    this.peek(peeked);
    this.show();
    this.onChange(this.value);
  }

  /** Show the copy at a time for a moment. */
  peek(seconds) {
    if (!this.video.src) return;
    this.video.hidden = false;
    this.video.currentTime = seconds;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => (this.video.hidden = this.video.paused), LINGER);
  }

  toggle() {
    if (!this.video.paused) {
      this.video.pause();
      this.video.hidden = true;
    } else {
      clearTimeout(this.timer);
      this.video.hidden = false;
      this.video.currentTime = this.span[0];
      this.video.play();
    }
    this.show();
  }

  stopAtEnd() {
    if (this.video.paused || this.video.currentTime < this.span[1] - CLOSE) return;
    this.video.pause();
    this.video.hidden = true;
    this.show();
  }

  show() {
    const [start, end] = this.span;
    const kept = this.find("kept").style;
    kept.left = `${(100 * start) / this.length}%`;
    kept.right = `${100 - (100 * end) / this.length}%`;
    this.find("span").textContent = `${clock(start)} – ${clock(Math.min(end, this.seconds))}`;
    this.start.setAttribute("aria-valuetext", clock(start));
    this.end.setAttribute("aria-valuetext", clock(end));
    this.find("cover").value = this.shownCover;
    this.find("cover").setAttribute("aria-valuetext", clock(this.shownCover));
    this.find("mark").style.left = `${(100 * this.shownCover) / this.length}%`;
    this.find("middle").setAttribute("aria-pressed", String(this.cover === null));
    this.find("play").setAttribute("aria-pressed", String(!this.video.paused));
  }
}
