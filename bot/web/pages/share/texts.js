// The words of the page that shares a result.

export const TEXTS = {
  en: {
    title: "Share the video", preparing: "One moment…", choose: "Choose a chat",
    ready: "Choose a chat for your video.", sent: "Sent.",
    unsigned: "Open this page by the button under your video.",
    expired: "This page is too old. Close it and press the button again.",
    gone: "This video cannot be shared any more. Forward it from the chat.",
    busy: "Too fast. Press again in a moment.",
    old: "Your Telegram cannot do this yet. Update it, or forward the video from the chat.",
    refused: "Telegram refuses it now. Press again later, or forward the video from the chat.",
    offline: "No connection. Press again.",
    unreachable: "Telegram did not answer. Close this page and press the button again.",
  },
  ru: {
    title: "Поделиться видео", preparing: "Секунду…", choose: "Выбрать чат",
    ready: "Выберите чат для вашего видео.", sent: "Отправлено.",
    unsigned: "Откройте эту страницу кнопкой под вашим видео.",
    expired: "Страница устарела. Закройте её и нажмите кнопку ещё раз.",
    gone: "Этим видео уже нельзя поделиться. Перешлите его из чата.",
    busy: "Слишком часто. Нажмите чуть позже.",
    old: "Ваш Telegram этого ещё не умеет. Обновите его или перешлите видео из чата.",
    refused: "Telegram сейчас не принимает. Нажмите позже или перешлите видео из чата.",
    offline: "Нет связи. Нажмите ещё раз.",
    unreachable: "Telegram не отвечает. Закройте страницу и нажмите кнопку ещё раз.",
  },
};
