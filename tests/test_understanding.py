"""What is understood of a single message: words, avoidance, format, kind, and what is left alone."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from promptlib.brief import Brief
from promptlib.compose import compose
from promptlib.records import Target
from promptlib.understanding import understand

SHARED = Path(__file__).parents[2] / "shared" / "eval"
SDXL = Target("sdxl", "tags", width=1024, height=1024)


def written(text: str, previous: Brief | None = None) -> str:
    return compose(understand(text, previous), [], SDXL).positive


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("给我画一只在月亮上钓鱼的兔子", "rabbit fishing on moon"),
        ("给我闺女画一只粉红色的独角兽", "pink unicorn"),
        ("帮我儿子画一辆消防车", "fire truck"),
        ("一只猫坐在红色的沙发上", "cat sitting on red sofa"),
        ("穿白色婚纱的新娘拿着粉色玫瑰", "bride wearing white wedding dress holding pink rose"),
        ("窗台上放着三盆多肉植物", "three pots of succulents on windowsill"),
        ("厨房的桌子上摆着面包、牛奶和水果", "bread, milk and fruit on kitchen table"),
        ("一个长着猫耳朵的少女", "girl with cat ears"),
        ("公主正在和王子跳舞", "princess and prince dancing"),
        ("红色的门,绿色的墙", "red door, green wall"),
        ("天空是紫色的", "purple sky"),
        ("眼睛又大又圆的猫头鹰", "owl with big round eyes"),
        ("被藤蔓覆盖的工厂", "factory covered by vine"),
        ("小女孩的帽子", "little girl's hat"),
        ("一双红色的鞋子", "a pair of red shoes"),
        ("两杯咖啡", "two cups of coffee"),
        ("一个人在跑步", "person running"),
        ("一只在屋顶的黑猫", "black cat in rooftop"),
        ("一只在睡觉的猫", "cat sleeping"),
        ("青花瓷瓶里插着梅花", "plum blossom in blue and white porcelain vase"),
        ("左边一个苹果右边一个橙子", "apple on the left, orange on the right"),
        ("一个在哭的小孩", "crying child"),
        ("在燃烧的森林里奔跑的鹿", "deer running in burning forest"),
        ("提著皮箱的旅客", "passenger carrying suitcase"),
        ("一位黑人女宇航员", "Black female astronaut"),
        ("一罐汽水", "a can of soda"),
        ("低角度的摩天大楼,蓝天", "skyscraper, blue sky, low angle"),
        ("老人在庆祝", "old man celebrating"),
        ("左边是狐狸,右上角有一轮月亮", "fox on the left, moon in the top right corner"),
        ("前景是花,中间一棵树", "flower in the foreground, tree in the center"),
        ("畫一隻貓", "cat"),
        ("🐱", "cat"),
    ],
)
def test_chinese_becomes_a_caption(text: str, prompt: str) -> None:
    assert written(text) == prompt


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("could you paint me a hummingbird drinking from a red hibiscus?", "hummingbird drinking from a red hibiscus"),
        ("Hi! I'd like a picture of two penguins on an iceberg, please", "two penguins on an iceberg"),
        ("the sky is purple and the grass is blue", "purple sky and the blue grass"),
        ("watercolor of a fox", "fox, watercolor"),
        ("a girl wearing 汉服 in a garden", "girl wearing hanfu in a garden"),
        ("draw a robot who is watering flowers", "robot watering flowers"),
        ("a small red bird on the right", "small red bird on the right"),
        ("left: a fox, right: a rabbit", "fox on the left, rabbit on the right"),
        ("a fox (left) and a rabbit (right)", "fox on the left and a rabbit on the right"),
        ("a logo of a mountain with a sun behind it", "logo of a mountain with a sun behind it"),
    ],
)
def test_english_keeps_the_persons_words(text: str, prompt: str) -> None:
    assert written(text) == prompt


@pytest.mark.parametrize(
    ("text", "avoid"),
    [
        ("一间书房,不要电脑", ("computer",)),
        ("一条没有人的街道", ("people",)),
        ("花园,别画汽车和人", ("car", "people")),
        ("a village without snowmen, no cars", ("snowmen", "cars")),
        ("a beach, don't include any people or boats", ("people", "boats")),
        ("a cloud-free sky over a lake", ("cloud",)),
        ("a lake --no boats, people", ("boats", "people")),
        ("a table with nobody around", ("people",)),
        ("花束里除了玫瑰啥都行,牡丹和百合都可以", ("rose",)),
        ("免文字免水印,一个瓶子", ("text", "watermark")),
        ("a knight who isn't wearing a helmet", ("helmet",)),
        ("anything but dragons: a castle", ("dragons",)),
        ("a desk, leave the lamp out", ("lamp",)),
        ("一盘水果,香蕉除外", ("banana",)),
        ("水墨画,不要题字和印章", ("text", "seal stamp")),
        ("一个人都看不见的地铁站", ("people",)),
        ("can you avoid purple? a robe", ("purple",)),
        ("a ship that has no sails", ("sails",)),
        ("不戴眼镜的老师", ("glasses",)),
    ],
)
def test_what_is_not_wanted_goes_to_avoid_and_not_into_the_picture(text: str, avoid: tuple[str, ...]) -> None:
    brief = understand(text)
    assert brief.avoid == avoid
    assert not any(f" {word} " in f" {brief.query()} " for word in avoid)


@pytest.mark.parametrize("text", ["一架无人机", "海边的别墅", "不锈钢水壶", "a nobleman", "a nonstop train"])
def test_words_that_only_look_like_a_negation(text: str) -> None:
    assert understand(text).avoid == ()


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("横版 3:2 的草原日出", "aspect", "3:2"),
        ("手机壁纸,星空", "aspect", "9:16"),
        ("a lake, square format", "aspect", "1:1"),
        ("a lake --ar 21:9", "aspect", "21:9"),
        ("a castle, portrait orientation", "aspect", "2:3"),
        ("a lake, 1024x768", "width", 1024),
        ("画三张猫", "count", 3),
        ("three versions of a koala", "count", 3),
        ("a koala, seed 5", "seed", 5),
        ("画一只猫,种子 42", "seed", 42),
        ("以2023为种子画一条龙", "seed", 2023),
        ("half a dozen takes on a village", "count", 6),
        ("一组四张,四季的树", "count", 4),
        ("a4 landscape, a map", "aspect", "297:210"),
        ("电影画幅,宇航员", "aspect", "21:9"),
        ("seed设成一百零八,水晶洞穴里的独角兽", "seed", 108),
        ("a cat, seed one hundred and eight", "seed", 108),
        ("一只猫,种子固定为一千", "seed", 1000),
        ("给我半打不同的猫爪印图标", "count", 6),
        ("six different paw print icons", "count", 6),
        ("一只猫,十二张", "count", 12),
        ("a cat x4", "count", 4),
        ("21:9 超宽屏壁纸,沙漠公路", "aspect", "21:9"),
        ("横屏4K壁纸,沙漠公路", "aspect", "16:9"),
        ("a banner 3 to 1 with mountains", "aspect", "3:1"),
        ("poster of a cat, 24x36", "aspect", "24:36"),
    ],
)
def test_the_format_is_found(text: str, field: str, value: object) -> None:
    assert getattr(understand(text), field) == value


@pytest.mark.parametrize(
    "text",
    ["墙上挂着三幅画", "三张桌子", "a clock that says 12:30 pm", "portrait of a woman", "a landscape with a barn"],
)
def test_what_only_looks_like_a_format(text: str) -> None:
    brief = understand(text)
    assert (brief.aspect, brief.count) == ("", None)


def test_quoted_text_is_kept_to_the_letter() -> None:
    assert '"Summer Sale"' in written("海报上写着“Summer Sale”,热带水果背景")
    assert '"营业中"' in written("招牌上写着「营业中」的小店")
    assert '"Jazz Night, 8 PM"' in written('a poster that says "Jazz Night, 8 PM"')


def test_reasons_are_not_painted_but_their_occasion_is() -> None:
    prompt = written("我女儿下周过生日,想要一张贺卡,上面有一只拿着气球的小象")
    assert "elephant" in prompt and "birthday" in prompt and "daughter" not in prompt
    prompt = written("my son loves dinosaurs and turns six tomorrow, draw a t-rex with a cake")
    assert "son" not in prompt.split() and "cake" in prompt


def test_a_wish_for_more_becomes_tags_in_a_first_message_too() -> None:
    assert written("你这个颜色不够红,给我鲜艳点颜色的苹果") == "apple, deep red, bright, vivid colors"


@pytest.mark.parametrize(
    ("text", "kind", "intent"),
    [
        ("你好", "chat", "greeting"),
        ("晚安", "chat", "goodbye"),
        ("好的谢谢", "chat", "thanks"),
        ("太好看了,谢谢你!", "chat", "thanks"),
        ("thanks a lot!", "chat", "thanks"),
        ("beautiful!", "chat", "praise"),
        ("what models do you have?", "question", "about_models"),
        ("你能做什么", "question", "about_bot"),
        ("怎么用", "question", "help"),
        ("???", "chat", "unclear"),
        ("", "chat", "unclear"),
        ("16:9", "chat", "nothing_to_change"),
    ],
)
def test_talk_is_not_painted(text: str, kind: str, intent: str) -> None:
    brief = understand(text)
    assert (brief.kind, brief.intent) == (kind, intent)


@pytest.mark.parametrize(
    "text",
    [
        "你会不会累",
        "我什么都不懂",
        "帮我写首诗",
        "是不是坏了,怎么没反应",
        "图片保存在哪",
        "could you explain how ratings work?",
        "I think you misunderstood me",
        "sorry, wrong chat",
        "my friends loved it",
        "hola, ¿qué puedes hacer?",
        "あなたは誰ですか",
    ],
)
def test_statements_and_questions_ask_for_no_picture(text: str) -> None:
    assert understand(text).kind in ("chat", "question")


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("我室友非要我画一只浣熊", "raccoon"),
        ("考考你,画一个冲浪的宇航员", "astronaut surfing"),
        ("小声说一句,想要一张帅气的骷髅骑士", "handsome skeleton knight"),
        ("班级黑板报用,画一只举着书的蜗牛", "snail holding book"),
        ("you're gonna laugh but I need a moose on a trampoline", "moose on a trampoline"),
        ("long story short, draw a lighthouse made of candles", "lighthouse made of candles"),
        ("wife wants a lighthouse for the bathroom, stormy sea", "lighthouse for the bathroom, stormy sea"),
        ("have you ever drawn a narwhal? try it", "narwhal"),
        ("水彩,我想要一只狐狸", "fox, watercolor"),
        ("a fox in the snow, and I need a wolf", "fox in the snow, wolf"),
        ("在沙滩上,我想要一只螃蟹", "crab, on beach"),
        ("学校的操场,夕阳,画一个踢球的少年", "school playground, boy playing soccer, sunset"),
        ("kids playing in the garden, I want a rainbow", "kids playing in the garden, rainbow"),
        ("教堂里的新娘", "bride in church"),
        ("说唱歌手在舞台上", "rapper on stage"),
    ],
)
def test_what_leads_up_to_a_wish_is_not_painted(text: str, prompt: str) -> None:
    assert written(text) == prompt


def test_a_greeting_before_a_request_is_only_a_greeting() -> None:
    assert written("你好,帮我画一只猫,谢谢") == "cat"


TAGS = "masterpiece, best quality, 1boy, sword, (blue cape:1.3), <lora:flat:0.6>, castle"


def test_tags_are_left_as_they_are() -> None:
    assert written(TAGS) == TAGS
    assert written("a cat, somehow --raw") == "a cat, somehow"


def test_pasted_infotext_is_understood() -> None:
    brief = understand(
        "a red fox, snow\nNegative prompt: blurry, text\n"
        "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 99, Size: 512x768, Model: tiny"
    )
    assert (brief.raw, brief.avoid) == ("a red fox, snow", ("blurry, text",))
    assert (brief.seed, brief.width, brief.height) == (99, 512, 768)
    assert brief.settings["steps"] == "20" and brief.settings["cfg scale"] == "7"


def test_flags_that_are_not_served_are_named() -> None:
    brief = understand("a castle --chaos 20 --ar 3:2 --tile")
    assert brief.notes == (("flag_ignored", {"flag": "--chaos"}), ("flag_ignored", {"flag": "--tile"}))
    assert (brief.aspect, brief.query()) == ("3:2", "castle")


def test_a_word_nobody_knows_survives() -> None:
    assert "zorblax" in written("a zorblax on a hill")
    assert "饕餮" in understand("青铜饕餮纹").phrases[0].source


def test_very_long_messages_are_read_in_time() -> None:
    assert understand("一只猫在月亮上," * 1000).kind == "image"
    assert understand("make it more " * 2000, understand("a cat")).kind in ("image", "refine")


def scorer() -> ModuleType:
    if not SHARED.is_dir():
        pytest.skip("the scorer lies beside the checkout in shared/eval, which is not here")
    spec = importlib.util.spec_from_file_location("score_rewrites", SHARED / "score_rewrites.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answers(judge: ModuleType, cases: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What `easel rewrite --jsonl` would say to each case."""
    outputs: dict[str, dict[str, Any]] = {}
    conversations: dict[str, Brief] = {}
    for identity, session, case in judge.flatten(cases):
        brief = understand(case["text"], conversations.get(session))
        kind = {"refine": "image", "question": "chat"}.get(brief.kind, brief.kind)
        outputs[identity] = {"kind": kind}
        if kind == "image":
            conversations[session] = brief
            prompt = compose(brief, [], SDXL)
            params = {"width": prompt.width, "height": prompt.height, "count": prompt.count, "seed": prompt.seed}
            outputs[identity] |= {"prompt": prompt.positive, "negative": prompt.negative, "params": params}
    return outputs


@pytest.mark.parametrize(
    "path",
    [
        Path(__file__).parent / "data" / "requests.jsonl",
        Path(__file__).parent / "data" / "dialogs.jsonl",
        SHARED / "dev_requests.jsonl",
        SHARED / "dev_dialogs.jsonl",
    ],
    ids=["own requests", "own dialogs", "development requests", "development dialogs"],
)
def test_scores_hold(path: Path) -> None:
    judge = scorer()
    cases = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    cases = [case for case in cases if not case.get("held")]  # those are for measuring only, not for tuning
    scores = judge.score(cases, answers(judge, cases), 0)
    floors = {"keep": 0.93, "drop": 0.98, "negative": 0.95, "params": 0.98, "kind": 0.98, "clean": 0.9}
    low = {name: scores[name] for name, floor in floors.items() if scores[name] is not None and scores[name] < floor}
    assert not low
    assert (scores["added"] or 0) <= 0.05


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("a tornado made of bees", "tornado made of bees"),
        ("a poster depicting a cat", "poster of a cat"),
        ("a store front", "store front"),
        ("戴无框眼镜的男人", "man wearing rimless glasses"),
        ("女孩在画画", "girl painting"),
        ("a horse facing right", "horse facing right"),
        ("a fish swimming, looking left, right?", "fish swimming, looking left"),
        ("一只面朝右的猫", "cat facing right"),
        ("一匹向左奔跑的马", "horse facing left running"),
    ],
)
def test_words_that_look_like_grammar_stay(text: str, prompt: str) -> None:
    assert written(text) == prompt


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("un gato negro durmiendo sobre un sofá rojo", "black cat sleeping on a red sofa"),
        ("quiero una taza de café sobre una mesa de madera", "cup of coffee on a wooden table"),
        ("桜の木の下でお茶を飲む着物の女性", "woman in kimono drinking tea under cherry blossom tree"),
        ("赤い傘を持った女の子を描いてください", "girl holding red umbrella"),
        ("三匹の子犬がソファに座っている", "three puppies sitting on the sofa"),
        (
            "un robot oxidado regando flores en un jardín abandonado",
            "rusty robot watering flowers in an abandoned garden",
        ),
        ("un oso polar comiendo helado en la playa", "polar bear eating ice cream on the beach"),
    ],
)
def test_spanish_and_japanese_come_out_usable(text: str, prompt: str) -> None:
    assert written(text) == prompt


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("portait of a wizard, dramtic lighting", "wizard, dramatic lighting, portrait"),
        ("an axolotl beside Shakira in Valparaiso", "axolotl beside Shakira in Valparaiso"),
        ("a desk without clutter", "desk"),
    ],
)
def test_slips_of_visual_words_are_mended_and_names_are_not(text: str, prompt: str) -> None:
    assert written(text) == prompt


def test_a_story_is_painted_only_where_it_is_the_picture() -> None:
    assert written("上周和室友闹翻了,有点难受,想看一片安静的湖") == "quiet lake"
    assert written("从前有座山,山里有个小和尚在扫落叶,你帮我把这个小和尚画出来").startswith("mountain")
    assert written("my uncle passed away recently, please paint a candle by a window") == "candle by a window"


def test_every_subject_keeps_its_own_attributes() -> None:
    prompt = written("一个红帽子的小男孩和一个穿绿裙子的小女孩")
    assert prompt == "little boy in red hat and little girl wearing green dress"


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("my friend really likes otters, so please make one for her", "otters"),
        ("我女儿特别喜欢恐龙,给她画一只吧", "dinosaur"),
        ("老师让我们交一张红酒的画,你帮帮我", "red wine, painting"),
        ("I'd be so happy about a picture with a snake in it", "snake"),
        ("我昨晚做梦梦到一条长着翅膀的金鱼在云里飞,能画出来吗", "winged goldfish flying in cloud"),
        ("我男朋友是消防员,想送他一张酷酷的斑点狗开消防车", "cool Dalmatian driving fire truck"),
        ("就那个,怎么说呢,一种飘在天上的鲸鱼形状的云", "whale shape cloud floating in sky"),
        ("my therapist told me to picture a calm place, so show me a hammock by a lake", "hammock by a lake"),
        ("老人在下棋", "old man playing chess"),
        ("做一张请柬", "invitation"),
        ("河边的甜点", "riverside dessert"),
    ],
)
def test_talk_around_a_wish_neither_stays_nor_swallows_it(text: str, prompt: str) -> None:
    assert written(text) == prompt
