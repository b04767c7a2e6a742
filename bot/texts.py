"""Everything easel says to people, in Chinese and English. A face asks for a text by key; nothing else speaks.

Adding a sentence is adding a line with both languages; a test holds them complete.
"""

from __future__ import annotations

import math
import re

LANGUAGES = ("zh", "en")

#: key: (Chinese, English)
TEXTS: dict[str, tuple[str, str]] = {
    # requests
    "painting": ("正在画…", "Painting…"),
    "queued": ("已排队,前面还有 {ahead} 个。", "Queued; {ahead} before yours."),
    "queued_until": (
        "已排队,前面还有 {ahead} 个,大约 {wait}后画好。",
        "Queued; {ahead} before yours, ready in about {wait}.",
    ),
    "progress": ("正在画… {step}/{total}", "Painting… {step}/{total}"),
    "empty": (
        "还没有内容。说说你想看到什么,比如:一个红苹果。",
        "Nothing to draw yet. Tell me what you want to see, for example: a red apple.",
    ),
    "too_long": (
        "这段话太长了,请用 8000 字以内描述画面。",
        "That is too long; please describe the picture in at most 8,000 characters.",
    ),
    "failed": ("没画成:{reason}", "That did not work: {reason}"),
    "failed_general": ("抱歉,这次没画成,请再试一次。", "Sorry, that did not work. Please try again."),
    "cancelled": ("已取消 {count} 个任务。", "Cancelled {count} job(s)."),
    "nothing_to_cancel": ("没有在等的任务。", "Nothing is waiting."),
    "cancelling": ("正在停下…", "Stopping…"),
    # spans of time
    "span_seconds": ("{count} 秒", "{count} s"),
    "span_minutes": ("{count} 分钟", "{count} min"),
    "span_hours": ("{count} 小时", "{count} h"),
    # limits
    "limit_waiting": (
        "你已经有 {most} 个任务在排队了,画好一个再来吧(/status 查看,/cancel 取消)。",
        "You have {most} requests waiting, which is as many as one may; come back when one is painted "
        "(/status shows them, /cancel cancels them).",
    ),
    "limit_pictures": (
        "你 24 小时内的 {most} 张已经用完了,{wait}后可以再画。",
        "You have had your {most} pictures for 24 hours; there is room for this again in {wait}.",
    ),
    "limit_left": (
        "你 24 小时内的 {most} 张还剩 {left} 张,不够画 {count} 张。少要几张,或者{wait}后再来。",
        "Of your {most} pictures for 24 hours {left} are left, not {count}. Ask for fewer, or again in {wait}.",
    ),
    "limit_count": (
        "每人 24 小时内最多 {most} 张,一次要 {count} 张太多了,请少要几张。",
        "One person may have {most} pictures in 24 hours, so {count} at a time are too many; ask for fewer.",
    ),
    "quota": ("24 小时内用了 {used}/{most} 张。", "{used} of {most} pictures used within 24 hours."),
    "quota_free": ("24 小时内画了 {used} 张,没有上限。", "{used} pictures within 24 hours; there is no limit."),
    "quota_returns": ("{wait}后可以再画 {count} 张。", "{count} more in {wait}."),
    "status_none": ("你没有在等的任务。", "Nothing of yours is waiting."),
    "status_running": ("#{job} 正在画:{request}", "#{job} is being painted: {request}"),
    "status_waiting": ("#{job} 前面还有 {ahead} 个:{request}", "#{job} has {ahead} before it: {request}"),
    "status_until": (
        "#{job} 前面还有 {ahead} 个,大约 {wait}后画好:{request}",
        "#{job} has {ahead} before it, ready in about {wait}: {request}",
    ),
    "status_more": ("还有 {count} 个。", "And {count} more."),
    # errors, by class; what has no line here is said as it was raised
    "error_EmbedderError": (
        "读懂请求的模型没有装好,请告诉管理员。",
        "The model that reads requests is not installed properly; please tell the admin.",
    ),
    "error_LibraryError": (
        "词库暂时用不了,请稍后再试。",
        "The library cannot be used at the moment; please try again later.",
    ),
    "error_IndexDamaged": (
        "词库的索引坏了,请告诉管理员。",
        "The library's index is damaged; please tell the admin.",
    ),
    "error_IndexNotSaved": (
        "词库的索引存不下来,请告诉管理员。",
        "The library's index cannot be saved; please tell the admin.",
    ),
    "error_NoSuchJob": ("这个任务已经不在了。", "That request is no longer here."),
    "error_NoSuchPrompt": ("这条提示词已经不在了。", "That prompt is no longer here."),
    "error_NotYours": (
        "只有画的主人或管理员可以这样做。",
        "Only the person who asked for it, or an admin, may do that.",
    ),
    "error_PicturesGone": ("这些图已经删除了,再要一次吧。", "The pictures were deleted; ask for them again."),
    "error_InvalidRequest": (
        "这个模型画不了这样的图,换个尺寸或换一种说法试试。",
        "This model cannot paint that as it was asked for; try another size or other words.",
    ),
    "error_ModelMissing": (
        "这个模型不在这台机器上,用 /model 换一个吧。",
        "That model is not on this computer; choose another with /model.",
    ),
    "error_ModelUnusable": (
        "这个模型的文件坏了或不完整,用 /model 换一个吧。",
        "That model's files are damaged or incomplete; choose another with /model.",
    ),
    "error_ProfileError": (
        "这个模型没有配置好,用 /model 换一个吧。",
        "That model is not set up properly; choose another with /model.",
    ),
    "error_OutOfMemory": (
        "内存不够了。要小一点或少几张的图,或者用 /model 换一个小一点的模型。",
        "Memory ran out; ask for smaller or fewer pictures, or choose a smaller model with /model.",
    ),
    "error_PaintingDied": (
        "画这张图时程序崩溃了三次。要小一点的图,或者用 /model 换一个模型。",
        "Painting died three times at this; ask for a smaller picture, or choose another model with /model.",
    ),
    "error_PaintingFailed": (
        "模型画到一半出错了,请再试一次。",
        "The model broke while painting; please try again.",
    ),
    "error_SaveFailed": (
        "图画好了但存不下来,请告诉管理员。",
        "The picture could not be saved; please tell the admin.",
    ),
    # under a picture
    "prompt": ("提示词", "Prompt"),
    "negative": ("反向提示词", "Negative"),
    "model": ("模型", "Model"),
    "seed": ("种子", "Seed"),
    # why
    "why_title": ("你的话:{request}", "You wrote: {request}"),
    "why_nothing": ("提示词就是你的原话。", "The prompt is your text as it stands."),
    "understood_by": ("由语言模型 {model} 理解。", "Understood by the language model {model}."),
    "understood_without": (
        "语言模型 {model} 没帮上忙({reason}),用内置方法理解。",
        "Understood the built-in way; the language model {model} was of no use: {reason}.",
    ),
    "origin_words": ("你的话", "your words"),
    "origin_translation": ("译自“{source}”", "translated from “{source}”"),
    "origin_library": ("词库 #{id},评分 {score}", "library prompt #{id}, scored {score}"),
    "origin_house": ("easel 的默认", "easel's default"),
    "origin_authors": ("模型作者推荐", "recommended by the model's authors"),
    "origin_nearest": ("模型会画的最接近的词", "the nearest thing this model can paint"),
    "why_negative": ("避开 {text}", "not {text}"),
    "why_dropped_budget": ("太长,没用上:{tags}", "Left out, as the model takes no more: {tags}"),
    "why_dropped_vocabulary": (
        "这个模型画不了,没画进去:{tags}",
        "Left out, as this model cannot paint it here: {tags}",
    ),
    "why_dropped_off": ("已关掉:{tags}", "Switched off: {tags}"),
    "button_switched": ("🔁 按这样再画一张", "🔁 Paint it like this"),
    "button_never": ("🚫 关掉的以后都不要", "🚫 Never add what is off"),
    "button_promote": ("⬆ 让所有人用", "⬆ Use for everybody"),
    "button_demote": ("⬇ 不给别人用", "⬇ Keep from others"),
    "promoted": ("提示词 #{id} 现在给所有人用。", "Prompt #{id} now serves everybody."),
    "demoted": ("提示词 #{id} 现在不给别人用。", "Prompt #{id} is now kept from everybody's retrieval."),
    "switched_off": (
        "“{tag}”关掉了,接着改这张图时都不加。",
        "“{tag}” is off for as long as you go on with this picture.",
    ),
    "switched_on": ("“{tag}”又打开了。", "“{tag}” is on again."),
    "never_added": ("以后都不加:{tags}(/never 查看)", "Never added from now on: {tags} (see /never)"),
    "never_now": (
        "这些词以后都不会自动加:{tags}\n用 /never 词 加一个,/allow 词 拿掉一个。",
        "Never added for you: {tags}\n/never WORDS adds one, /allow WORDS takes one away.",
    ),
    "never_nothing": (
        "没有关掉的词。/never 词:以后不再自动加这个词。",
        "Nothing is kept off for you. /never WORDS keeps these words from being added.",
    ),
    "allowed": ("“{tag}”又可以加了。", "“{tag}” may be added again."),
    "not_off": ("“{tag}”本来就没关掉。", "“{tag}” was not off."),
    "no_added_tag": ("没有自动加过“{tag}”,/why 会列出来。", "No tag “{tag}” was added; /why lists those that were."),
    "amount_now": (
        "从词库借用多少:{amount}。用 /amount none(不借)、little(一点)或 lot(多一些)。",
        "How much is borrowed from the library: {amount}. Change it with /amount none, little or lot.",
    ),
    "amount_none": ("以后只用你的话。", "From now on only your own words are used."),
    "amount_little": ("以后借一点。", "From now on a little is added to your words."),
    "amount_lot": ("以后多借一些。", "From now on more is added to your words."),
    "command_amount": ("none|little|lot:从词库借用多少", "none|little|lot: how much is added to your words"),
    "command_forget_me": ("导出并删除关于你的一切", "export, then delete what is stored about you"),
    "forget_me": (
        "这里是关于你的一切(共 {count} 条)。按下面的按钮会永久删除:请求、任务、图片、评分、设置和提示词;"
        "别人评过分的提示词会留下,你的名字换成一个代号。以前做的备份不在此列;今天的张数还会不记名地数一天。无法恢复。",
        "This is everything that is stored about you ({count} entries). The button deletes it for good: requests, jobs, "
        "pictures, ratings, settings and prompts; prompts that others rated stay, with a pseudonym "
        "in place of your name. Backups made before are not reached, and today's pictures go on counting for a day, without your name. "
        "It cannot be undone.",
    ),
    "forget_in_private": ("请私聊我再用 /forget_me。", "Please send me /forget_me in private."),
    "forgotten": (
        "关于你的一切都删除了({count} 条)。要重新开始,随时写给我。",
        "Everything about you is deleted ({count} entries). Write to me whenever you like to start anew.",
    ),
    "button_forget": ("🗑 全部删除", "🗑 Delete everything"),
    "command_never": ("以后不要自动加的词", "words that are never to be added"),
    # notes
    "note_nearest": (
        "这个模型不会画“{asked}”,画了最接近的 {used}。",
        "This model knows no “{asked}”; painted the nearest: {used}.",
    ),
    "note_unknown_subject": (
        "这个模型没学过“{asked}”,结果可能认不出来。",
        "This model never learned “{asked}”; the result may not show it.",
    ),
    "note_only_one_subject": (
        "这个模型一次只画一样东西,画了 {used}。",
        "This model paints one thing at a time; painted {used}.",
    ),
    "note_size": ("尺寸 {asked} 调整为 {used}。", "Size {asked} became {used}."),
    "note_count": ("一次最多画 {used} 张。", "At most {used} pictures at a time."),
    "note_fixed_size": ("这个模型只画 {used}。", "This model only paints {used}."),
    "note_dropped": ("超出模型长度,没用上:{tags}。", "Too long for this model; left out: {tags}."),
    "note_negative_unsupported": (
        "这个模型没有反向提示词,尽量避开:{avoid}。",
        "This model takes no negative prompt; it cannot be told to avoid: {avoid}.",
    ),
    "note_flag_ignored": ("忽略了参数 {flag}。", "Ignored the flag {flag}."),
    # talk
    "chat_greeting": ("你好!告诉我你想看到什么,我来画。", "Hello! Tell me what you want to see and I'll paint it."),
    "chat_thanks": ("不客气!", "You're welcome!"),
    "chat_goodbye": ("再见,晚安!", "Goodbye, see you!"),
    "chat_praise": ("谢谢夸奖!给它打个分,我会越画越好。", "Thank you! Rate it, and I get better."),
    "chat_confirm": ("好的。想画什么就告诉我。", "All right. Tell me what to paint."),
    "chat_smalltalk": ("我更会画画。说说你想看到什么?", "I am better at painting. What would you like to see?"),
    "chat_unhappy": (
        "抱歉。说说哪里不对,比如“再红一点”,我来改。",
        "Sorry. Tell me what is wrong, such as “more red”, and I'll change it.",
    ),
    "chat_unclear": (
        "我没看懂要画什么。试试:一只在窗边睡觉的猫,水彩风格。",
        "I could not tell what to paint. Try: a cat sleeping by a window, watercolor.",
    ),
    "chat_nothing_to_change": (
        "还没有画可以改。先说说你想看到什么。",
        "There is no picture to change yet. Tell me first what you want to see.",
    ),
    "chat_about_bot": (
        "我是 easel。你用平常的话说想看什么,我把它改写成模型听得懂的提示词再画出来,并告诉你用了什么提示词。给图打分,大家的画都会变好。",
        "I am easel. You say in your own words what you want to see; I rewrite it into a prompt the model understands, paint it, and show you that prompt. Rate pictures and everybody's get better.",
    ),
    "chat_about_models": ("可用的模型:{models}。用 /model 选择。", "Models: {models}. Choose one with /model."),
    "chat_about_prompt": (
        "每张图下面都有它的提示词,“为什么”会逐词说明来历。",
        "Each picture comes with its prompt; “why” tells where every word came from.",
    ),
    "chat_help": (
        "直接说你想看到什么,比如“帮我画一只戴红帽子的猫,水彩风格,不要文字”。可以接着改:“再红一点”“换成狗”“16:9”。",
        "Just say what you want to see, such as “a cat with a red hat, watercolor, no text”. Then change it: “more red”, “make it a dog”, “16:9”.",
    ),
    "error_NotPainted": ("这个我不画。换一个想法吧。", "I won't paint that. Please try another idea."),
    "error_NotShown": (
        "画好了,但这张没法给你看。换一个想法吧。",
        "It is painted, but I cannot show it here. Please try another idea.",
    ),
    "refused": ("这个我不画。换一个想法吧。", "I won't paint that. Please try another idea."),
    # terminal
    "terminal_hello": (
        "说说你想看到什么;/why 为什么,/without 词 去掉自动加的词,/again 再来一张,/rate 1-5 打分,/model 换模型,"
        "/amount 加多少,/raw 原话,/quit 退出。",
        "Say what you want to see; /why, /without TAG, /again, /rate 1-5, /model ID, /amount none|little|lot, "
        "/raw on|off, /quit.",
    ),
    "terminal_help": (
        "可用:/why /without 词 /again /rate 1-5(先画一张),/model ID,/amount none|little|lot,/never 词,/allow 词,"
        "/raw on|off,/quit。",
        "There is /why, /without TAG, /again and /rate 1-5 (after a picture), /model ID, /amount none|little|lot, "
        "/never TAG, /allow TAG, /raw on|off and /quit.",
    ),
    "rated": ("你的评分:{value}。这条提示词现在 {score} 分。", "Your rating: {value}. This prompt now scores {score}."),
    # loading
    "stage_loading": ("正在装载模型…", "Loading the model…"),
    "stage_downloading": ("正在下载模型,第一次会比较久…", "Downloading the model, which takes a while the first time…"),
    # telegram
    "start": (
        "你好,我是 easel。用平常的话告诉我想看到什么,我把它改写成模型听得懂的提示词,画出来给你看。\n\n试试:帮我画一只红色的苹果",
        "Hello, I am easel. Tell me in your own words what you want to see; I turn it into a prompt the model "
        "understands, and paint it.\n\nTry: draw me a red apple",
    ),
    "help": (
        "直接写你想看到什么,中文英文都行,可以接着改:“再红一点”“换成狗”。\n"
        "每张图下面有它的提示词和按钮:打分、再来一张、原图、为什么、删除。\n\n"
        "/model 选择模型\n/raw on|off 原样使用你的文字\n/amount 自动加多少词\n/never 不要自动加的词\n/settings 这个聊天的设置\n/status 在等的任务和用量\n/cancel 取消在等的任务",
        "Just write what you want to see, in Chinese or English, then change it: “more red”, “make it a dog”.\n"
        "Under each picture stand its prompt and buttons: rate, again, original file, why, delete.\n\n"
        "/model choose a model\n/raw on|off use your text as it stands\n"
        "/amount how much is added to your words\n/never words that are not to be added\n/settings of this chat\n"
        "/status what is waiting, and what you have used\n"
        "/cancel what is waiting",
    ),
    "command_help": ("怎么用", "How it works"),
    "command_model": ("选择模型", "Choose the model"),
    "command_raw": ("on|off:原样使用你的文字", "on|off: use your text as it stands"),
    "command_settings": ("这个聊天的设置", "This chat's settings"),
    "command_status": ("你在等的任务和用量", "What you are waiting for, and what you have used"),
    "command_cancel": ("取消你在等的任务", "Cancel what you are waiting for"),
    "unknown_command": ("没有这个命令,/help 里有全部命令。", "There is no such command; /help lists them all."),
    "only_text": (
        "我只看得懂文字。用一句话告诉我你想看到什么吧。",
        "I only understand text. Tell me in a sentence what you want to see.",
    ),
    "album": ("{count} 张都在上面。给它们打个分?", "All {count} are above. How do you like them?"),
    "button_again": ("🔁 再来一张", "🔁 Again"),
    "button_file": ("📄 原图", "📄 Original"),
    "button_why": ("❓ 为什么", "❓ Why"),
    "button_cancel": ("✖ 取消", "✖ Cancel"),
    "button_delete": ("🗑 删除", "🗑 Delete"),
    "withdrawn": ("评分已撤回。", "Your rating is withdrawn."),
    "deleted": ("已删除。", "Deleted."),
    "gone": ("这张图已经不在了。", "That picture is no longer here."),
    "model_now": ("现在用的模型:{model}。选一个:", "The model is {model}. Choose one:"),
    "model_set": ("以后用 {model} 画。", "From now on {model} paints."),
    "model_unknown": ("没有叫 {model} 的模型。可选:{models}", "There is no model {model}. There are: {models}"),
    "raw_on": ("你的文字会原样交给模型。", "Your text goes to the model as it stands."),
    "raw_off": ("我会改写你的文字。", "I will rewrite your text."),
    "raw_now": (
        "raw 现在是 {state}。用 /raw on 或 /raw off 切换。",
        "raw is {state}. Change it with /raw on or /raw off.",
    ),
    "settings": (
        "模型:{model}(/model)\n原样使用文字:{raw}(/raw)\n从词库借用:{amount}(/amount)",
        "Model: {model} (/model)\nText as it stands: {raw} (/raw)\nBorrowed from the library: {amount} (/amount)",
    ),
    "stats": ("统计\n{lines}", "Statistics\n{lines}"),
    "admins_only": ("这个命令只给管理员用。", "This command is for admins only."),
    "button_report": ("🚩 举报", "🚩 Report"),
    "reported": ("谢谢,已经告诉管理员了。", "Thank you; the admins have been told."),
    "reported_before": ("你已经举报过这张图了。", "You have reported this picture already."),
    "error_TooManyReports": (
        "今天的举报已经够多了,请直接联系管理员。",
        "That is as many reports as one may make in a day; please write to an admin.",
    ),
    "report_what": ("回复一张我画的图并写 /report。", "Reply to a picture of mine with /report."),
    "report_title": (
        "举报 #{report}\n举报人:{who}\n要图的人:{owner}({chat})\n原话:{request}\n提示词:{prompt}",
        "Report #{report}\nReported by: {who}\nAsked for by: {owner} (in {chat})\nRequest: {request}\nPrompt: {prompt}",
    ),
    "settle_remove": ("🧹 处处删除", "🧹 Remove everywhere"),
    "settle_dismiss": ("👌 没问题", "👌 Dismiss"),
    "settle_block": ("⛔ 处处删除并拉黑", "⛔ Remove and block the person"),
    "settled_removed": (
        "已处处删除:{count} 个任务的图和词库里的提示词。",
        "Removed everywhere: the pictures of {count} job(s), and the prompt.",
    ),
    "settled_dismissed": ("已忽略。", "Dismissed."),
    "settled_blocked": ("已处处删除,并拉黑 {who}。", "Removed everywhere, and {who} is blocked."),
    "settled_before": ("这个举报已经处理过了。", "This report was settled already."),
    "block_whom": (
        "回复那个人的消息写 /block,或写 /block 数字编号。已拉黑:{blocked}",
        "Reply to the person's message with /block, or write /block ID. Blocked: {blocked}",
    ),
    "blocked": ("{who} 不能再用了,取消了 {count} 个任务。", "{who} is shut out; {count} job(s) cancelled."),
    "blocked_before": ("{who} 早就被拉黑了。", "{who} was shut out already."),
    "blocked_admin": ("管理员不能拉黑。", "Admins cannot be shut out."),
    "unblocked": ("{who} 又可以用了。", "{who} may come in again."),
    "unblocked_before": ("{who} 没有被拉黑。", "{who} was not shut out."),
    "safety": (
        "色情文字:{sexual}\n血腥文字:{gore}\n裸露画面:{nudity}(把握 {threshold}% 以上)\n{detector}管理员用 /safety sexual|gore|nudity allow|blur|block 或 /safety threshold 1-100 修改。",
        "Sexual requests: {sexual}\nGory requests: {gore}\nNude pictures: {nudity} (from a certainty of {threshold}%)\n{detector}Admins change it with /safety sexual|gore|nudity allow|blur|block, or /safety threshold 1-100.",
    ),
    "safety_missing": (
        "没有装图像检测器,画面按 {unchecked} 处理。",
        "No detector is installed, so pictures are not looked at: {unchecked}.",
    ),
    "command_report": ("回复一张图:告诉管理员", "As a reply to a picture: tell the admins"),
    "general": ("抱歉,出了点问题,请稍后再试。", "Sorry, something went wrong. Please try again later."),
}


def say(key: str, language: str, **values: object) -> str:
    """The text of a key in ``zh`` or ``en``, with its values filled in."""
    chinese, english = TEXTS[key]
    return (chinese if language == "zh" else english).format(**values)


def span(seconds: float, language: str) -> str:
    """About so long, never less: people forgive being early."""
    if seconds <= 55:
        return say("span_seconds", language, count=5 * max(1, math.ceil(seconds / 5)))
    if seconds <= 55 * 60:
        return say("span_minutes", language, count=math.ceil(seconds / 60))
    return say("span_hours", language, count=math.ceil(seconds / 3600))


def language_of(text: str, default: str = "en") -> str:
    """The language to answer a text in: Chinese where it has Chinese characters and no kana, English where it has
    Latin letters, else what the front knows."""
    if re.search(r"[\u3040-\u30ff]", text):
        return default
    if re.search(r"[\u3400-\u9fff]", text):
        return "zh"
    return "en" if re.search(r"[A-Za-z]", text) else default
