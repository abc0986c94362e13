# Тексты для админов. Селекторы сравнивают значения из кода.

command-queue = Что выполняется и что ждёт
command-backend = Бэкенды: порядок, состояние, цена
command-stats = Задачи, люди, время и расходы
command-errors = Сбои, ошибки в журнале, версии
command-drain = Не принимать новое и сообщить, когда всё закончится
command-ban = Не отвечать пользователю
command-broadcast = Написать всем

admin-refused = Это только для админов бота.
admin-looking = Проверяю бэкенды…
admin-done = Готово. Новые задачи пойдут так; начатые останутся, где они есть.
admin-auto-done = Снова работают все бэкенды, в порядке OVERLAY_BACKENDS.
admin-last = { $name } – последний бэкенд, поэтому он остаётся включён.
admin-unknown = Такого бэкенда нет. Есть: { $names }
admin-first =
    Теперь первым спрашиваем { $name }; если там не вышло, то: { $others }. Начатые задачи останутся, где они есть.{ $there ->
        [no] { " " }Сейчас его нет; пока он не появится, работают другие.
       *[yes] { "" }
    }

admin-tested =
    { $there ->
        [yes] { $name } отвечает, им можно пользоваться.
       *[no] { $name } недоступен; почему – в списке.
    }

admin-order =
    <b>Бэкенды</b>, по порядку, { $auto ->
        [yes] как в OVERLAY_BACKENDS
       *[no] как выбрал админ
    }
admin-place =
    { $state ->
        [there] { $number }. 🟢 <b>{ $name }</b>: доступен
        [failing] { $number }. 🟡 <b>{ $name }</b>: не справился { $failures ->
            [one] { $failures } раз
            [few] { $failures } раза
           *[many] { $failures } раз
        }, попробует следующая задача
        [resting] { $number }. 🔴 <b>{ $name }</b>: не справился { $failures ->
            [one] { $failures } раз
            [few] { $failures } раза
           *[many] { $failures } раз
        }, не трогаем ещё { $seconds } сек.
        [absent] { $number }. ⚪ <b>{ $name }</b>: пропущен, { $why }
       *[off] { $number }. ⏸ <b>{ $name }</b>: выключен
    }
admin-why =
    { $why ->
        [not_configured] не хватает настройки
        [refused] не принимает наш ключ
        [unsafe] открыт для всех
        [no_model] нет устройства или модели для него
        [garbage] неверный ответ
        [wrong_picture] видео не похоже на превью
        [too_slow] слишком долго
        [no_memory] не хватает памяти
        [unreachable] нет связи
       *[broken] сломан ({ $why })
    }
admin-engine =
    { $engine ->
        [auto] авто
        [rvm] качественно
        [mediapipe] быстро
        [chroma] хромакей
        [rembg] предметы
       *[other] { $engine }
    }
admin-speed = { admin-engine }: { NUMBER($speed, maximumFractionDigits: 0) } кадров/с{ $guess ->
        [yes] { "" } (оценка)
       *[no] { "" }
    }
admin-use = сегодня ${ NUMBER($dollars, minimumFractionDigits: 2, maximumFractionDigits: 2) }, последний раз { $ago } назад
admin-price = ${ NUMBER($dollars, minimumFractionDigits: 2, maximumFractionDigits: 2) } за час работы
admin-failed = последний сбой { $ago } назад: { $why }
admin-span =
    { $unit ->
        [d] { $count } дн.
        [h] { $count } ч
        [min] { $count } мин
       *[s] { $count } сек.
    }

admin-button-dashboard = 📊 Панель
admin-button-test = 🧪 { $name }
admin-button-up = ⬆️
admin-button-on = ▶️ Включить
admin-button-ask = ⏸ Выключить
admin-button-sure-off = ⏸ Да, выключить { $name }
admin-button-back = ← Назад
admin-button-pause = ⛔ Остановить приём
admin-button-resume = ▶️ Возобновить приём
admin-button-list = 🔄 Обновить
admin-button-cancel = ✖ Отменить
admin-button-retry = ↻ Сейчас
admin-button-repeat = ↻ Ещё раз: { $reason }
admin-button-broadcast-send = 📣 Отправить ({ $count })
admin-button-broadcast-discard = Не отправлять
admin-button-auto = Авто
admin-button-look = Обновить

admin-jobs = <b>Задачи</b>
admin-today = сегодня
admin-days = { $days } дн.
admin-row-all = всего
admin-row-done = готово
admin-row-failed = сбой
admin-row-cancelled = отменено
admin-row-success = успех
admin-row-users = люди
admin-trend =
    <b>Готово по дням</b>, { $days } дн., не больше { $most }
    <code>{ $bars }</code>
admin-failures = <b>Сбои</b>, { $days } дн.
admin-formats = <b>Форматы</b>, { $days } дн.
admin-times-by-stage = <b>Секунды по этапам</b>, { $days } дн.
admin-times-by-place = <b>Секунды по бэкендам</b>, { $days } дн.
admin-column-count = n
admin-column-median = медиана
admin-column-p95 = p95
admin-cost = <b>Расходы</b>
admin-cost-today = сегодня ${ NUMBER($dollars, minimumFractionDigits: 2, maximumFractionDigits: 2) }
admin-cost-month = в этом месяце ${ NUMBER($dollars, minimumFractionDigits: 2, maximumFractionDigits: 2) }
admin-cost-projected = так за весь месяц выйдет ${ NUMBER($dollars, minimumFractionDigits: 2, maximumFractionDigits: 2) }
admin-program = <b>Версии</b>: { $versions }, работает { $uptime }
admin-failure = { $reason }: { $count }, последний { $ago } назад
admin-log = <b>Ошибки в журнале</b> с запуска
admin-log-line = { $ago } назад, { $logger }: <code>{ $message }</code>
admin-banned = Заблокированы: { $users }
    /ban и номер пользователя, как в /queue: бот больше не отвечает ему; /unban снимает блокировку.
admin-ban = Пользователь { $user } заблокирован: не отвечаю ему и останавливаю его задачи.
admin-unban = Пользователь { $user } больше не заблокирован.
admin-no-ban = Это админ, его нельзя заблокировать.
admin-drain = Новые видео не принимаются. { $count ->
        [0] Открытых задач нет.
       *[other] Открытых задач: { $count }.
    } Сообщу, когда закончится последняя; /queue возобновляет приём.
admin-broadcast-help = Напишите сообщение после команды: /broadcast Мы снова работаем! Я покажу его вам, прежде чем отправить всем.
admin-broadcast-busy = Другое сообщение ещё отправляется. Подождите, я сообщу, когда оно уйдёт.
admin-broadcast-begun = Отправляю, десяти людям в секунду, и сообщу, когда закончу.
admin-broadcast-discarded = Не отправляю.
admin-utc = Дни и месяцы – по UTC.

admin-queue = <b>Очередь</b>: идут { $running }, ждут { $waiting }, отложены { $parked }
admin-job =
    { $number }. { $state ->
        [running] ▶️
        [parked] ⏳
       *[waiting] ⏸
    } пользователь { $user }, { $length }, { $engine }, { $why ->
        [running] { admin-stage }{ $percent }{ $backend }
        [backend] нет бэкенда, снова через { $due }
        [pause] снова через { $due }
        [user] ждёт другое видео пользователя
        [turn] впереди { $ahead }
       *[start] сейчас начнётся
    }, ждёт { $age }
admin-stage =
    { $stage ->
        [fetch] загрузка
        [plan] план
        [mattes] маски
        [compose] сборка
        [deliver] отправка
       *[other] { $stage }
    }
admin-paused = ⛔ Новые видео не принимаются.
admin-did = Готово.
admin-did-nothing = Делать нечего: всё уже закончилось или идёт.
admin-more = … и ещё { $count }
admin-disk = Диск: свободно { NUMBER($free, maximumFractionDigits: 1) } из { NUMBER($total, maximumFractionDigits: 1) } ГБ

alarm-refused = ⚠️ { $place } не работает, пока вы его не почините: { $why }. Его работу делают другие бэкенды.
alarm-nobody = ⚠️ Ни один бэкенд не справился с задачей; она ждёт и будет повторена. { $reasons }
alarm-disk = ⚠️ На диске осталось только { NUMBER($free, maximumFractionDigits: 1) } ГБ. Новым задачам может не хватить.
alarm-database = ⚠️ Бот не запускается: база данных повреждена. { $reason }
alarm-budget = ⚠️ Бюджет месяца исчерпан: ${ NUMBER($spent, minimumFractionDigits: 2, maximumFractionDigits: 2) } из ${ NUMBER($budget, minimumFractionDigits: 2, maximumFractionDigits: 2) }. До конца месяца результаты собираем на этой машине.
alarm-privacy = ⚠️ В группах бот получает только команды и ответы на свои сообщения: включён режим приватности. Там пишут /make под видео или в ответ на него. Чтобы работали и упоминания, выключите его: @BotFather, /setprivacy, Disable; затем добавьте бота в группы заново.
alarm-card = ⚠️ Telegram не принимает превью: { $why }. Подробнее: /errors.
alarm-poison = ⚠️ Задача { $job } несколько раз обрывала работу бота или его процессов, больше её не пробуем. Подробнее: /errors.
alarm-restarts = ⚠️ Бот запускался { $count ->
        [one] { $count } раз
        [few] { $count } раза
       *[many] { $count } раз
    } за { $minutes } мин. /errors показывает ошибки этого процесса; более ранние – в журнале хостинга.
alarm-drained = ✅ Последняя задача закончилась, новые не принимаются: бота можно остановить. /queue возобновляет приём.
alarm-broadcast = 📣 Сообщение получили: { $sent }; недоступны: { $failed }.
