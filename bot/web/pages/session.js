// Who asks, in which language, and how the server is asked.

const launch = new URLSearchParams(location.hash.slice(1));
const TOKEN_KEY = "ops-token";
const MAX_MILLISECONDS = 30_000; // for an answer, as a lost network does not always say so
const RUSSIAN_READERS = ["ru", "be", "kk", "ky", "tg", "uk", "uz"];

export class Refused extends Error {
  constructor(status, why) {
    super(why);
    this.status = status;
  }
}

/** What Telegram signed for this page; "" in a browser. */
export const initData = launch.get("tgWebAppData") ?? "";

export function isInTelegram() {
  return initData !== "";
}

export function setToken(token) {
  sessionStorage.setItem(TOKEN_KEY, token);
}

function authorization() {
  const token = sessionStorage.getItem(TOKEN_KEY);
  return initData ? `tma ${initData}` : token ? `Bearer ${token}` : "";
}

/** Ask the server; raises Refused, or TypeError without a network. */
export async function ask(path, { body, signal } = {}) {
  const headers = { Authorization: authorization() };
  if (body) headers["Content-Type"] = "application/json";
  const response = await fetch(path, {
    method: body ? "POST" : "GET",
    body: body && JSON.stringify(body),
    headers,
    signal,
    cache: "no-store",
  });
  if (!response.ok) {
    const answer = await response.json().catch(() => ({}));
    throw new Refused(response.status, answer.error ?? String(response.status));
  }
  return response;
}

/** The same, of an answer that is JSON and comes soon. */
export async function askJson(path, options = {}) {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), MAX_MILLISECONDS);
  try {
    return await (await ask(path, { ...options, signal: limit.signal })).json();
  } finally {
    clearTimeout(timer);
  }
}

/** The language of the user's Telegram, else of the browser. */
export function language() {
  let code = navigator.language;
  try {
    code = JSON.parse(new URLSearchParams(initData).get("user") ?? "{}").language_code ?? code;
  } catch {
    // not from Telegram
  }
  return RUSSIAN_READERS.includes(code.split("-")[0].toLowerCase()) ? "ru" : "en";
}

/** Telegram's object, once its script is there; never waits for it. */
export function withTelegram(use) {
  const script = document.getElementById("telegram");
  const found = () => isInTelegram() && window.Telegram?.WebApp && use(window.Telegram.WebApp);
  if (window.Telegram?.WebApp) found();
  else script?.addEventListener("load", found);
}

/** Put the texts of *words* into all elements that name one. */
export function translate(words) {
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = words[element.dataset.text];
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", words[element.dataset.label]);
  }
}

/** An element with attributes and children; texts are never parsed as HTML. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}
