"""What people do not want, however they say so: it is avoided, and the rest of what they say is painted."""

from __future__ import annotations

import pytest

from promptlib.compose import compose
from promptlib.records import Target
from promptlib.understanding import understand

SDXL = Target("sdxl", "tags", width=1024, height=1024)


@pytest.mark.parametrize(
    ("text", "prompt", "negative"),
    [
        ("一根没有皮的香蕉", "banana", "peel"),
        ("一个没有蜡烛的蛋糕", "cake", "candle"),
        ("一只不戴帽子的熊猫", "giant panda", "hat"),
        ("一条空无一人的街道", "empty street", "people"),
        ("一只没有尾巴的狐狸坐在石头上", "fox sitting on stone", "tail"),
        ("避免蓝色,做一张海洋主题的请柬", "ocean, invitation", "blue"),
        ("湖,画面里不许出现鸟", "lake", "bird"),
        ("湖,绝对不能有鸟", "lake", "bird"),
        ("湖,鸟不要", "lake", "bird"),
        ("湖,鸟就别画了", "lake", "bird"),
        ("湖,鸟一只都不要", "lake", "bird"),
        ("湖,切忌出现鸟", "lake", "bird"),
        ("湖,把鸟去掉", "lake", "bird"),
        ("湖,请不要把鸟画进去", "lake", "bird"),
        ("湖,跟鸟有关的都不要", "lake", "bird"),
        ("湖,不要鸟、船、人", "lake", "bird, ship, people"),
        ("a cake without candles", "cake", "candles"),
        ("a knight without armor sitting by a campfire", "knight sitting by a campfire", "armor"),
        ("a nook with a cat, but leave the lamp out", "nook with a cat", "lamp"),
        ("一个不笑的小丑", "clown", "smiling"),
        ("一杯不加冰的柠檬茶", "a cup of lemonade", "ice-cold"),
        ("就画个苹果,别的啥都不要", "apple", ""),
        ("a plain white mug, nothing on it", "plain white mug", ""),
        ("not a single person, an old theater", "old theater", "person"),
        ("深夜便利店,除了收银员没有别人", "convenience store at night, only cashier", ""),
        ("a beardless wizard", "beardless wizard", "beard"),
        ("an endless staircase", "endless staircase", ""),
        ("a lake, hold off on the moon", "lake", "moon"),
        ("the forbidden secrets of the universe", "forbidden secrets of the universe", ""),
        ("hold a lantern", "hold a lantern", ""),
        ("a lake, keep cars out of it", "lake", "cars"),
        ("draw a lake. Birds should not appear.", "lake", "birds"),
        ("a lake, cars excluded", "lake", "cars"),
        ("a lake, make sure no birds appear", "lake", "birds"),
        ("a lake; I also hate cobwebs", "lake", "cobwebs"),
        ("a lake, please refrain from adding birds", "lake", "birds"),
        ("a lake. Absolutely no text, watermarks or logos.", "lake", "text, watermarks, logos"),
        ("无框眼镜", "rimless glasses", ""),
        ("不丹的寺庙", "Bhutan temple", ""),
    ],
)
def test_what_is_left_out_is_avoided_and_nothing_else(text: str, prompt: str, negative: str) -> None:
    written = compose(understand(text), [], SDXL)
    assert (written.positive, written.negative) == (prompt, negative)
