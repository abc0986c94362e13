// The page that Share opens: it asks for a prepared message, and Telegram asks for the chat.

import { Refused, askJson, isInTelegram, language, translate, withTelegram } from "../session.js";
import { TEXTS } from "./texts.js";

const words = TEXTS[language()];
const job = new URLSearchParams(location.search).get("job") ?? "";
const SHARE_VERSION = "8.0"; // of Telegram's Mini Apps, the first with shareMessage
const MAX_SCRIPT_MILLISECONDS = 5_000; // after which a user is told that Telegram's script is missing
const MESSAGES = { 404: "gone", 429: "busy" };
const status = document.getElementById("status");
const button = document.getElementById("share");

function explain(error) {
  if (!(error instanceof Refused)) return words.offline;
  return words[error.message] ?? words[MESSAGES[error.status]] ?? words.refused;
}

async function share(telegram) {
  button.disabled = true;
  status.textContent = words.preparing;
  try {
    const { message } = await askJson(`/share/${job}`, { body: {} });
    status.textContent = words.ready;
    telegram.shareMessage(message, (isSent) => {
      if (!isSent) return;
      status.textContent = words.sent;
      telegram.close();
    });
  } catch (error) {
    status.textContent = explain(error);
  }
  button.disabled = false;
}

document.documentElement.lang = language();
translate(words);
if (!isInTelegram()) status.textContent = words.unsigned;
else setTimeout(() => {
  if (!window.Telegram?.WebApp) status.textContent = words.unreachable;
}, MAX_SCRIPT_MILLISECONDS);
withTelegram((telegram) => {
  telegram.ready();
  document.documentElement.dataset.theme = telegram.colorScheme;
  if (!telegram.isVersionAtLeast(SHARE_VERSION)) {
    status.textContent = words.old;
    return;
  }
  button.addEventListener("click", () => share(telegram));
  share(telegram);
});
