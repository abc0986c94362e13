# Texts for admins. The selectors compare values of the code.

command-queue = Jobs that run and wait
command-backend = Backends: order, health, price
command-stats = Jobs, users, times and costs
command-errors = Failures, errors of the log, versions
command-drain = Accept no new jobs, tell when all have ended
command-ban = Ignore a user
command-broadcast = Write to all users

admin-refused = This is for the admins of this bot.
admin-looking = Checking the backends…
admin-done = Done. New jobs follow it; running ones stay where they are.
admin-auto-done = All backends are used again, in the order of OVERLAY_BACKENDS.
admin-last = { $name } is the last backend, so it stays on.
admin-unknown = There is no such backend. There are: { $names }
admin-first =
    { $name } is asked first from now on; where it fails, then: { $others }. Running jobs stay where they are.{ $there ->
        [no] { " " }It is not available now; until it is, the others do the work.
       *[yes] { "" }
    }

admin-tested =
    { $there ->
        [yes] { $name } answers and can be used.
       *[no] { $name } cannot be used; the list says why.
    }

admin-order =
    <b>Backends</b>, first to last, { $auto ->
        [yes] as in OVERLAY_BACKENDS
       *[no] as an admin chose
    }
admin-place =
    { $state ->
        [there] { $number }. 🟢 <b>{ $name }</b>: available
        [failing] { $number }. 🟡 <b>{ $name }</b>: failed { $failures ->
            [one] once
           *[other] { $failures } times
        }, the next job tries it
        [resting] { $number }. 🔴 <b>{ $name }</b>: failed { $failures ->
            [one] once
           *[other] { $failures } times
        }, is not asked for { $seconds } s
        [absent] { $number }. ⚪ <b>{ $name }</b>: left out, { $why }
       *[off] { $number }. ⏸ <b>{ $name }</b>: off
    }
admin-why =
    { $why ->
        [not_configured] a setting that it needs is missing
        [refused] it refuses our key
        [unsafe] it is open to everybody
        [no_model] there is no device or no model to run on it
        [garbage] its answer is not valid
        [wrong_picture] its videos do not look like the preview
        [too_slow] it takes too long
        [no_memory] it has too little memory
        [unreachable] it cannot be reached
       *[broken] it is broken ({ $why })
    }
admin-engine =
    { $engine ->
        [auto] auto
        [rvm] best
        [mediapipe] fast
        [chroma] green screen
        [rembg] objects
       *[other] { $engine }
    }
admin-speed = { admin-engine }: { NUMBER($speed, maximumFractionDigits: 0) } frames a second{ $guess ->
        [yes] { "" } (a guess)
       *[no] { "" }
    }
admin-use = today ${ NUMBER($dollars, minimumFractionDigits: 2, maximumFractionDigits: 2) }, last used { $ago } ago
admin-price = ${ NUMBER($dollars, minimumFractionDigits: 2, maximumFractionDigits: 2) } an hour of work
admin-failed = last failed { $ago } ago: { $why }
admin-span =
    { $unit ->
        [d] { $count } d
        [h] { $count } h
        [min] { $count } min
       *[s] { $count } s
    }

admin-button-dashboard = 📊 Dashboard
admin-button-test = 🧪 { $name }
admin-button-up = ⬆️
admin-button-on = ▶️ On
admin-button-ask = ⏸ Off
admin-button-sure-off = ⏸ Yes, switch { $name } off
admin-button-back = ← Back
admin-button-pause = ⛔ Pause intake
admin-button-resume = ▶️ Resume intake
admin-button-list = 🔄 Refresh
admin-button-cancel = ✖ Cancel
admin-button-retry = ↻ Now
admin-button-repeat = ↻ Try again: { $reason }
admin-button-broadcast-send = 📣 Send to { $count } users
admin-button-broadcast-discard = Discard
admin-button-auto = Auto
admin-button-look = Refresh

admin-jobs = <b>Jobs</b>
admin-today = today
admin-days = { $days } d
admin-row-all = ended
admin-row-done = done
admin-row-failed = failed
admin-row-cancelled = cancelled
admin-row-success = success
admin-row-users = users
admin-trend =
    <b>Done each day</b>, { $days } days, at most { $most }
    <code>{ $bars }</code>
admin-failures = <b>Failures</b>, { $days } days
admin-formats = <b>Formats</b>, { $days } days
admin-times-by-stage = <b>Seconds by stage</b>, { $days } days
admin-times-by-place = <b>Seconds by backend</b>, { $days } days
admin-column-count = n
admin-column-median = median
admin-column-p95 = p95
admin-cost = <b>Cost</b>
admin-cost-today = today ${ NUMBER($dollars, minimumFractionDigits: 2, maximumFractionDigits: 2) }
admin-cost-month = this month ${ NUMBER($dollars, minimumFractionDigits: 2, maximumFractionDigits: 2) }
admin-cost-projected = at this rate the whole month ${ NUMBER($dollars, minimumFractionDigits: 2, maximumFractionDigits: 2) }
admin-program = <b>Versions</b>: { $versions }, up for { $uptime }
admin-failure = { $reason }: { $count }, last { $ago } ago
admin-log = <b>Errors in the log</b> since the start
admin-log-line = { $ago } ago, { $logger }: <code>{ $message }</code>
admin-banned = Banned users: { $users }
    /ban and the number of a user, as /queue shows it, ignores that user from then on; /unban ends it.
admin-ban = User { $user } is banned: messages from there are ignored, and their jobs stop.
admin-unban = User { $user } is not banned any more.
admin-no-ban = This is an admin, who cannot be banned.
admin-drain = No new videos are accepted. { $count ->
        [0] No job is open.
        [one] One job is open.
       *[other] { $count } jobs are open.
    } I tell you when the last one has ended; /queue resumes the intake.
admin-broadcast-help = Write the message after the command: /broadcast We are back! I show it to you before I send it to all users.
admin-broadcast-busy = Another message is being sent. Wait until I report its end.
admin-broadcast-begun = I am sending it, ten users a second, and report the end.
admin-broadcast-discarded = It is discarded.
admin-utc = Days and months are those of UTC.

admin-queue = <b>Queue</b>: { $running } running, { $waiting } waiting, { $parked } parked
admin-job =
    { $number }. { $state ->
        [running] ▶️
        [parked] ⏳
       *[waiting] ⏸
    } user { $user }, { $length }, { $engine }, { $why ->
        [running] { admin-stage }{ $percent }{ $backend }
        [backend] no backend is available, tried again in { $due }
        [pause] tried again in { $due }
        [user] waits for another video of the user
        [turn] { $ahead } before it
       *[start] about to begin
    }, { $age } old
admin-stage =
    { $stage ->
        [fetch] download
        [plan] plan
        [mattes] mattes
        [compose] composing
        [deliver] sending
       *[other] { $stage }
    }
admin-paused = ⛔ New videos are not accepted.
admin-did = Done.
admin-did-nothing = There is nothing to do: the job has ended, or is running already.
admin-more = … and { $count } more
admin-disk = Disk: { NUMBER($free, maximumFractionDigits: 1) } GB of { NUMBER($total, maximumFractionDigits: 1) } GB are free

alarm-refused = ⚠️ { $place } cannot be used until you repair it: { $why }. The other backends do its work.
alarm-nobody = ⚠️ All backends failed a job; it waits and is tried again. { $reasons }
alarm-disk = ⚠️ Only { NUMBER($free, maximumFractionDigits: 1) } GB of disk are left. New jobs may be refused.
alarm-database = ⚠️ The bot does not start, because its database is broken: { $reason }
alarm-budget = ⚠️ This month's budget is reached: ${ NUMBER($spent, minimumFractionDigits: 2, maximumFractionDigits: 2) } of ${ NUMBER($budget, minimumFractionDigits: 2, maximumFractionDigits: 2) }. Until it ends, results are put together on this machine.
alarm-privacy = ⚠️ In groups the bot gets only commands and replies to its messages: its privacy mode is on. There people write /make under a video, or in reply to one. For mentions to work as well, turn it off: @BotFather, /setprivacy, Disable; then add the bot to its groups again.
alarm-card = ⚠️ Telegram refuses a preview: { $why }. /errors shows more.
alarm-poison = ⚠️ The job { $job } ended the bot or its processes several times and was given up. /errors shows more.
alarm-restarts = ⚠️ The bot has started { $count } times within { $minutes } minutes. /errors shows what this process logged; earlier ones are in the log of the host.
alarm-drained = ✅ The last job has ended, and no new ones are accepted: the bot can be stopped. /queue resumes the intake.
alarm-broadcast = 📣 The message was sent to { $sent } users; { $failed } cannot be reached.
