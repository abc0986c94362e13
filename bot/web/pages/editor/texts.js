// The editor's words.

export const TEXTS = {
  en: {
    title: "Editor", stage: "The result. Drag the person, pinch or scroll to size; or use the arrow keys and + and −.",
    shape: "Shape", circle: "Circle", rect: "Rectangle", rounded: "Rounded", none: "Cut out",
    ring: "Ring", ringNone: "No ring", white: "White", black: "Black", gold: "Gold",
    size: "Size", shadow: "Shadow", background: "Background", blur: "Blur", own: "My file",
    navy: "Navy", red: "Red", orange: "Orange", yellow: "Yellow", green: "Green", purple: "Purple",
    format: "Format", auto: "As the video", make: "Make it", making: "One moment…", loading: "Loading your video…",
    made: "Accepted. The video comes to the chat.", offline: "No connection. Nothing is lost: press again.",
    expired: "This page is too old. Close it and open it again from the card.",
    unsigned: "Open the editor from the card in the chat.", gone: "This card is too old. Send the video again.",
    used: "This video is being made already.", busy: "Too fast. Press again in a moment.",
    failed: "That did not work. Press again, or use the buttons in the chat.",
    trim: "Part of the video", start: "Start", end: "End", cover: "Cover", play: "Play", pause: "Pause",
  },
  ru: {
    title: "Редактор", stage: "Что получится. Двигайте человека, размер меняйте двумя пальцами или колесом; можно стрелками и клавишами + и −.",
    shape: "Форма", circle: "Круг", rect: "Прямоуг.", rounded: "Скругл.", none: "Силуэт",
    ring: "Обводка", ringNone: "Без обводки", white: "Белый", black: "Чёрный", gold: "Золото",
    size: "Размер", shadow: "Тень", background: "Фон", blur: "Размыть", own: "Мой файл",
    navy: "Тёмно-синий", red: "Красный", orange: "Оранжевый", yellow: "Жёлтый", green: "Зелёный", purple: "Фиолетовый",
    format: "Формат", auto: "Как у видео", make: "Сделать", making: "Секунду…", loading: "Загружаю ваше видео…",
    made: "Принято. Видео придёт в чат.", offline: "Нет связи. Ничего не потеряно: нажмите ещё раз.",
    expired: "Страница устарела. Закройте её и откройте заново с карточки.",
    unsigned: "Откройте редактор с карточки в чате.", gone: "Эта карточка устарела. Пришлите видео ещё раз.",
    used: "Это видео уже делается.", busy: "Слишком часто. Нажмите чуть позже.",
    failed: "Не получилось. Нажмите ещё раз или воспользуйтесь кнопками в чате.",
    trim: "Часть видео", start: "Начало", end: "Конец", cover: "Обложка", play: "Пуск", pause: "Пауза",
  },
};
