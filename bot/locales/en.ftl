# Texts for users. The selectors compare values of the code.

## Welcome and help

start =
    <b>Hi! Send me a video in which you talk to the camera.</b>

    I cut you out, put you over any background, in a circle, in a rectangle or without a frame, and send the finished video back in about the time it takes to watch it.

    A video, a round note, a GIF, a file or a link will do. Send a picture together with it, and that is your background.

    /help tells the rest.
help =
    <b>How it works</b>

    1. Send a video, a round note, a GIF, a video file, or a link to one. { $megabytes ->
        [0] {""}
       *[other] Telegram lets me have files of up to { $megabytes } MB; for larger ones send a link.{" "}
    }It may last up to { SPAN($seconds) }.
    2. A preview shows how it will look. Its buttons change the shape, the corner, the size, the ring and the background, and trim the video; two times like 0:05–0:42 do that, too.
    3. Press <b>Make it</b>. Under the finished video there are buttons for a round note, a sticker, a GIF and transparent files, and one that opens the preview again.

    Several videos in one album, or one right after the other, share one preview and one press.

    For a background of your own send a picture before or after the video, both as one album, or reply to the preview with a picture, a video or a link.

    In a group, mention me in the video's caption.

    /style – how your next video will look, and your saved styles
    /cancel – stop what I am making for you
    /language – English or Russian
command-start = What I do
command-help = How it works
command-style = Your look, and your saved styles
command-cancel = Stop what I am making for you
command-language = English or Russian
command-privacy = What I keep, and for how long

language-ask = Which language do you prefer?
language-set = I speak English with you now. Send me a video!

## Replies to what the user sent

looking = 👀 Looking at your video…
looking-link = 👀 Fetching your video from the link…
one-link = There are several links: I take the first. Send me each of the others in a message of its own.
failed-here = Something is wrong on my side. Please try again in a few minutes.
too-many-cards = I have not looked at all the videos you sent yet. Send this one again when I have.
wrong-sound = I need to see you: <b>send me a video</b> or a round note instead of sound.
wrong-text = <b>Send me a video</b> in which you talk to the camera, or a link to one. /help tells more.
wrong-command = I do not know this command. <b>Send me a video</b>, or see /help.
wrong-album = There is no video in this album. <b>Send me a video</b>, alone or together with pictures for the background.

background-ask = 🖼 Send me a picture or a video for the background now. A link to one will do, too.
background-ask-group = 🖼 Reply to this message with a picture or a video for the background, or with a link to one.
background-wrong = This cannot be a background. Send me a picture or a video, or a link to one – or keep the background as it is.
background-kept = 🖼 I keep this picture for ten minutes. <b>Send me the video now</b>, and it will be the background.
background-taken = 🖼 Got it, the preview will show it in a moment.
colour-ask = 🌈 Send me a colour: a name like <b>teal</b> or a code like <b>#1d3557</b>.
colour-taken = 🌈 { $colour }: the preview will show it in a moment.
colour-wrong = I do not know this colour. Send me a name like <b>teal</b> or <b>light blue</b>, or a code like <b>#1d3557</b>.
question-closed = Fine, everything stays as it is.

times-ask = ✂️ Send me the start and the end of the part that you want, like <b>0:05–0:42</b>. One of them will do: <b>0:05–</b> or <b>–0:42</b>.
times-taken =
    ✂️ { $part ->
        [whole] The whole video
       *[other] { $part }
    }: the preview will show it in a moment.
times-wrong =
    I need two times of your video, the earlier one first, like <b>0:05–0:42</b>. { $seconds ->
        [0] {""}
       *[other] It lasts { SPAN($seconds) }.
    }

## The card

card-caption =
    { look }
    { $seconds ->
        [0] {""}
       *[other] Your video: { SPAN($seconds) }{ used-part }.{" "}
    }{ card }
used-part =
    { $part ->
        [whole] {""}
       *[other] , of it { $part }
    }
card =
    Change what you like, then press <b>{ $count ->
        [1] Make it
       *[other] Make all { $count }
    }</b>.
card-series = 🎞 All { $count } videos will look like this. For a preview of each press <b>One by one</b>.
card-form = 🎞 You get it as before: { $form }.
card-times = ⏱ Best takes about { SPAN($best) }, Fast about { SPAN($fast) }.
card-warning =
    💡 { $warning ->
        [dark] It is dark: more light makes the edges cleaner.
        [cut_off] Your head is cut off at the top: a little more distance looks better.
        [several_people] There are several people: all of them will be shown.
       *[camera_moves] The camera moves: on a stand the edges are calmer.
    }
look =
    <b>{ $shape ->
        [circle] Circle
        [rect] Rectangle
        [rounded] Rounded rectangle
       *[none] Cut out freely
    }</b>, { $corner ->
        [own] where you put it
        [top-left] top left
        [top] at the top
        [top-right] top right
        [left] on the left
        [center] in the middle
        [right] on the right
        [bottom-left] bottom left
        [bottom] at the bottom
       *[bottom-right] bottom right
    }, { $size ->
        [own] your own size
        [small] small
        [large] large
       *[medium] medium
    }{ $ring ->
        [white] , white ring
        [black] , black ring
        [gold] , golden ring
        [own] , ring in your colour
       *[none] {""}
    }{ $face ->
        [own] , face moved
       *[auto] {""}
    }{ $shadow ->
        [some] , shadow
       *[none] {""}
    }{ $fade ->
        [some] , fade
       *[none] {""}
    }{ $edge ->
        [some] , soft edge
       *[none] {""}
    }{ $inside ->
        [some] , with what is behind you
       *[none] {""}
    }
    Background: { $background ->
        [navy] navy blue
        [black] black
        [white] white
        [red] red
        [orange] orange
        [yellow] yellow
        [green] green
        [purple] purple
        [blur] your video, blurred
        [file] your own
       *[other] a colour
    }. { $canvas ->
        [auto] {""}
       *[other] Format: { $canvas }.{" "}
    }Quality: { $engine ->
        [auto] best
        [mediapipe] fast
        [rembg] people and objects, slow
       *[other] { $engine }
    }.{ $voice ->
        [even] {" "}Voice: even loudness.
        [clean] {" "}Voice: less noise.
        [both] {" "}Voice: even loudness, less noise.
       *[plain] {""}
    }{ $noise ->
        [off] {" "}Background sound: off.
        [quiet] {" "}Background sound: quieter.
        [loud] {" "}Background sound: louder.
       *[normal] {""}
    }

privacy =
    <b>What I keep</b>

    • Your video and the result: until the result is sent.
    • The cut-out, for the buttons under the result, and the name of your file: a day.
    • The preview of a video that you did not order: a week.
    • A line for each video, with your Telegram number, the time and the choices: { $days } days.
    • Your language, the look that you chose last, and the styles that you saved.

    Videos are made on the bot's own servers or on a rented service, which deletes them afterwards. I give them to nobody else.

    /forget deletes all of this now, but for cut-outs, which then belong to nobody and go within a day.
forget-ask = I will stop your videos and delete what I keep of you; cut-outs go within a day. What I sent you stays in our chat.
forgotten = Done: I know nothing of you any more. Send a video whenever you like.
style-shown =
    { $default ->
        [yes] Each new video begins with your style <b>{ $name }</b>:
       *[no] Your next video will look like this:
    }

    { look }

    You change it with the buttons under its preview. 💾 saves a look under a name.
style-line = <b>{ $number }</b> – { $name }
style-page =
    💾 <b>{ $name }</b>{ $default ->
        [yes] , ⭐ each new video begins with it
       *[no] {""}
    }

    { look }

    This link shares it. It tells the look and nothing about you{ $background ->
        [file] , and not your background either
       *[other] {""}
    }:
    <code>{ $link }</code>
style-name-ask = 💾 Reply with a name for this look, like <b>Lessons</b>.
style-name-wrong = A name is one line of up to { $limit } characters. Send me another one, or /cancel.
style-name-taken = You have a style <b>{ $name }</b> already. Send me another name, or /cancel.
style-saved = 💾 Saved as <b>{ $name }</b>. It is under More below each preview, and in /style.
style-too-many = You have { $limit } styles, and that is all I can keep. Delete one in /style first.
style-delete-ask = Delete the style <b>{ $name }</b>?
style-deleted = The style <b>{ $name }</b> is deleted.
style-gone = This style does not exist any more. /style shows yours.
style-shared =
    🔗 Somebody has shared this look with you:

    { look }
style-used =
    ✅ Send me a video, it will look like this:

    { look }
style-link-wrong = This link to a look is not complete. Ask for it once more, or just send me a video.
style-reset = Done, your next video begins with the usual look.

button-editor = Editor
button-make = Make it
button-make-all = Make all { $count }
button-separate = One by one
button-circle = Circle
button-rect = Rect
button-rounded = Rounded
button-none = Free
button-small = Small
button-medium = Medium
button-large = Large
button-ring = Ring
button-ring-none = No ring
button-ring-white = White
button-ring-black = Black
button-ring-gold = Gold
button-background = Background
button-more = More
button-trim = Trim
button-format = Format
button-canvas-auto = As the background
button-place = Place, size
button-face = Face
button-face-auto = Automatic
button-effects = Effects
button-sound = Sound
button-colour = Colour
button-ring-width-0 = Thin
button-ring-width-1 = Medium
button-ring-width-2 = Thick
button-shadow-0 = No shadow
button-shadow-1 = Shadow
button-shadow-2 = Darker
button-fade-0 = No fade
button-fade-1 = Fade 0.5 s
button-fade-2 = Fade 1.5 s
button-feather-0 = Sharp edge
button-feather-1 = Soft edge
button-feather-2 = Softer
button-inside = Keep what is behind me
button-even-voice = Even loudness
button-denoise = Less noise
button-sound-off = Background muted
button-sound-quiet = Backgr. quieter
button-sound-normal = Background as is
button-sound-loud = Backgr. louder
button-times = Type the times
button-styles = Styles
button-style-save = Save look
button-style-use = Use it
button-style-default = Begin with it
button-style-share = Share
button-style-rename = Rename
button-style-delete = Delete
button-blur = Blur
button-send = My file
button-auto = Best
button-mediapipe = Fast
button-back = Back
button-keep = Keep it as it is
button-cancel = Cancel
button-sample = 👀 Try with a sample
button-forget = 🗑 Delete everything
button-reset = Back to the usual look
button-video = Video
button-note = Round note
button-animation = GIF
button-gif = GIF file
button-mov = ProRes file
button-webm = WebM file
button-sticker = Sticker
button-change = Change
button-share = Share
button-shape = Other shape
button-corner = Other corner

not-yours = This button belongs to somebody else. Send me a video of your own!
too-old = This button is too old. Please send the video again.
made-already = Already on it!
accepted = 👍 On it!
accepted-note = 👍 On it! A round note lasts a minute at most: it gets the first minute.
accepted-sticker = 👍 On it! A sticker lasts 3 seconds at most: it gets the first 3 seconds.
cancelling = Stopping…
cancel-over = It is over already.
cancel-nothing = I am not making anything for you right now. Send me a video!
cancel-all =
    Stopping { $count ->
        [1] your video
       *[other] your { $count } videos
    }…

## Progress of a job

status-series = 🎞 <b>Video { $number } of { $count }</b>
status-waiting =
    ⏳ { $ahead ->
        [0] Place 1 in the queue: you are next.
        [one] Place 2 in the queue: { $ahead } video comes before yours.
       *[other] In the queue: { $ahead } videos come before yours.
    }{ $seconds ->
        [0] {""}
       *[other] {" "}It begins in about { SPAN($seconds) }.
    }
status-fetching = 📥 Fetching your video…
status-planning = 🔎 Looking where you are in it…
status-mattes = ✂️ Cutting you out{ place-where }…
status-compose = 🎬 Putting it together{ place-where }…
status-delivering = 📤 Sending it to you…
status-parked = 😴 No server is free for your video right now. It is kept, and I try again every few minutes; you need not do anything.
status-left = about { SPAN($seconds) } left
status-restarting = 🔄 I am restarting. Your video is kept and goes on in a moment.
status-fell-back = ↪️ { place-who } { why }. Another server continues.
status-warming = 🔥 { place-who } is warming up, which may take a few minutes.
status-waiting-for = ⏳ { place-who } is busy, I ask again in a moment.
status-hurried = ⏩ Best cannot be ready in good time here, so Fast does it.
place-who =
    { $place ->
        [modal] The cloud GPU
        [local-gpu] My own GPU
        [local-cpu] My own computer
        [shotstack] The cloud studio
        [local] My own computer
        [unnamed] A server
       *[other] { $place }
    }
place-where =
    { $place ->
        [modal] {" "}on a cloud GPU
        [local-gpu] {" "}on my own GPU
        [local-cpu] {" "}on my own computer
        [shotstack] {" "}in the cloud
        [unnamed] {""}
       *[other] {" "}on { $place }
    }
why =
    { $why ->
        [not_configured] { why-not-configured }
        [unreachable] { why-unreachable }
        [refused] { why-refused }
        [unsafe] { why-unsafe }
        [busy] { why-busy }
        [garbage] { why-garbage }
        [wrong_picture] { why-wrong-picture }
        [too_slow] { why-too-slow }
        [no_model] { why-no-model }
        [no_memory] { why-no-memory }
        [resting] { why-resting }
        [nobody] { why-nobody }
       *[broken] { why-broken }
    }
why-not-configured = is not set up
why-unreachable = is not answering
why-refused = refuses access
why-unsafe = is not safe for your video
why-busy = is busy
why-broken = has failed
why-garbage = sends wrong answers
why-wrong-picture = draws the video wrong
why-too-slow = is too slow
why-no-model = is not ready
why-no-memory = is out of memory
why-resting = is paused after failures
why-nobody = is not available

## End of a job

result-caption = { SPAN($seconds) }, ready ✨
sticker-caption = Telegram shows a moving sticker only as a part of a set, so this is its file. Send it to @Stickers after /newvideo, and it becomes a sticker of your own.
job-cancelled = Stopped. Send me a video whenever you like.
job-cancelled-by-operator = Whoever runs this bot has stopped your video, so it will not be finished. Send it again later, please.
series-end = 🎞 Ready: { $done } of { $count } videos.
series-failed = <b>Video { $numbers }:</b>
series-goes-on = I leave out what I cannot use, and go on with the rest.

fault-too-big-file =
    This file is too big{ $size ->
        [0] {""}
       *[other] : { NUMBER($size, maximumFractionDigits: 1) } MB
    }{ $limit ->
        [0] {""}
       *[other] ; I can get up to { $limit } MB
    }. Send me a <b>link</b> to it that leads straight to the file, or send it shorter or smaller.
fault-too-long-clip =
    This video is too long{ $seconds ->
        [0] {""}
       *[other] : { SPAN($seconds) }
    }{ $limit ->
        [0] {""}
       *[other] ; the limit is { SPAN($limit) }
    }. Cut it and send the part that you need.
fault-wrong-kind = I cannot use this. <b>Send me a video</b>: from your gallery, as a round note, a GIF, a file, or a link.
fault-too-many = I am making one of your videos, and others are waiting. Press again when one is ready.
fault-paused = I am taking no new videos just now. Please press again in a while.
fault-queue-full = Too many people are here right now. Please press again in some minutes.
fault-result-too-big =
    The finished file is too big for Telegram{ $limit ->
        [0] {""}
       *[other] , which takes { $limit } MB
    }. Send a shorter video, or choose another kind of file.
fault-poison = I tried this video three times, and each time something broke. Save it as a new mp4 and send that, or try another one.
fault-no-rights = I may not send photos, videos or files in this chat. Ask its admin to allow them for me, or send me the video in a private chat.
fault-no-disk = I have no room for your video right now. Please send it again in an hour.
fault-gone-file = Telegram does not have this file any more. Please send it again.
fault-refused-file = Telegram does not give me your file right now. Please send it again in a few minutes.
fault-nobody = For a whole day no server could work on your video. I am sorry! Please send it again.
fault-old = This button is too old. Please send the video again.

fault-no-file = The video did not arrive. Please send it again.
fault-empty-file = This file is empty. Please send it again.
fault-not-a-video =
    { $what ->
        [picture] This is a photo. Send me a video; a photo can be its background.
       *[other] I cannot read this video. Send one of these: { $videos }.
    }
fault-unsupported-format = I do not know this kind of file. Send a video: { $videos }.
fault-unsupported-codec =
    { $stream ->
        [audio] I cannot read the sound of this video. Save it as an ordinary mp4 (with AAC sound) and send that.
       *[other] I cannot read how this video is packed. Save it as an ordinary mp4 (H.264) and send that.
    }
fault-no-video-stream = There is only sound in this file. Send one that shows you.
fault-truncated = A part of this video is missing. Please send it again.
fault-corrupt = This video is damaged. Save it anew and send that, or try another one.
fault-too-long =
    This video is too long{ $seconds ->
        [0] {""}
       *[other] : { SPAN($seconds) }
    }{ $limit ->
        [0] {""}
       *[other] ; the limit is { SPAN($limit) }
    }. Cut it and send the part that you need.
fault-too-large = This video is too large for me. Save it anew in 4K or smaller and send that.
fault-no-person = I see no person in this video. Send one in which you face the camera, in good light.
fault-bad-background =
    { $why ->
        [too_large] This background is too large{ $megapixels ->
            [0] {""}
           *[other] ; I take up to { NUMBER($megapixels, maximumFractionDigits: 0) } megapixels
        }. Send a smaller one, or choose a colour.
        [not_a_video] I do not know this kind of background. Send a picture ({ $pictures }), a video ({ $videos }), or choose a colour.
        [unsupported_format] I do not know this kind of background. Send a picture ({ $pictures }), a video ({ $videos }), or choose a colour.
        [corrupt] This background is damaged. Save it anew and send that, or choose a colour.
       *[other] I cannot use this background. Send another picture or video, or choose a colour.
    }
fault-bad-matte = What I had kept of this video does not fit any more. Please send the video again.
fault-bad-option = This look does not work. /style brings back the usual one; then send the video again.
fault-nothing-left =
    This part begins after the end of the video{ $seconds ->
        [0] {""}
       *[other] , which lasts { SPAN($seconds) }
    }. Choose another part and press again.
fault-does-not-fit = It cannot be made small enough for Telegram. Send a shorter video, or choose another kind of file.

fault-bad-url = I cannot follow this link. Send one that begins with https:// and leads straight to the file.
fault-unreachable = This link does not answer. Check it in a browser and send it again.
fault-forbidden = This link is not open to everybody. Share the file with “anyone with the link” and send it again.
fault-not-found = There is nothing at this link. Check it and send it again.
fault-server-failed = The site behind this link has a problem. Try again later, or upload the file elsewhere.
fault-not-a-file = This link leads to a page, not to a video. Send the download link of the file itself.
fault-too-big =
    The file behind this link is too big{ $limit ->
        [0] {""}
       *[other] ; I take up to { $limit } MB
    }. Send it shorter or smaller.
fault-too-slow = The file behind this link downloads too slowly. Try again later, or upload it elsewhere.
fault-tls = This link's certificate cannot be trusted, so I do not follow it. Upload the file elsewhere.
fault-broken-off = The connection to this link broke again and again. Try again later, or upload the file elsewhere.

## Units

span-seconds =
    { $count ->
        [one] { $count } second
       *[other] { $count } seconds
    }
span-minutes =
    { $count ->
        [one] { $count } minute
       *[other] { $count } minutes
    }
