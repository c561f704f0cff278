"""Draws the pictures of cross_demo: `python -m lmms_eval_cross.demo.draw` writes them into the folder `images`.

All scenes are made of flat shapes on a canvas of 320 x 240 units. They are drawn larger and scaled down, for smooth
edges. Nothing is random: the same version of Pillow draws the same pixels.
"""

from collections.abc import Callable, Sequence
from math import cos, pi, sin
from pathlib import Path
from typing import Final, TypeAlias

from PIL import Image, ImageDraw

Point: TypeAlias = tuple[float, float]

IMAGES: Final = Path(__file__).resolve().parent / "images"
WIDTH: Final = 320
HEIGHT: Final = 240
_SCALE: Final = 4
_COLOURS: Final = 64

_SKIN: Final = "#e0a87e"
_SKIN_SHADE: Final = "#c98d63"
_LEAF: Final = "#5b9a55"
_LEAF_DARK: Final = "#3f7a45"
_RED: Final = "#cf3f3f"
_RED_DARK: Final = "#a32c33"
_INK: Final = "#3a3238"
_WHITE: Final = "#fdfcf7"
_GOLD: Final = "#d9a63a"
_STEEL: Final = "#c3ccd4"


class Pen:
    """A canvas and the few shapes that the scenes need, in canvas units."""

    def __init__(self, background: str) -> None:
        self._image = Image.new("RGB", (WIDTH * _SCALE, HEIGHT * _SCALE), background)
        self._draw = ImageDraw.Draw(self._image)

    def box(self, left: float, top: float, right: float, bottom: float, fill: str, radius: float = 0) -> None:
        """A filled rectangle, with round corners if `radius` is given."""
        corners = [left * _SCALE, top * _SCALE, right * _SCALE, bottom * _SCALE]
        self._draw.rounded_rectangle(corners, radius * _SCALE, fill)

    def oval(self, x: float, y: float, across: float, down: float, fill: str) -> None:
        """A filled ellipse around (x, y) with the radii `across` and `down`."""
        box = [(x - across) * _SCALE, (y - down) * _SCALE, (x + across) * _SCALE, (y + down) * _SCALE]
        self._draw.ellipse(box, fill)

    def disc(self, x: float, y: float, radius: float, fill: str) -> None:
        """A filled circle."""
        self.oval(x, y, radius, radius, fill)

    def shape(self, points: Sequence[Point], fill: str) -> None:
        """A filled polygon."""
        self._draw.polygon([(x * _SCALE, y * _SCALE) for x, y in points], fill)

    def line(self, points: Sequence[Point], fill: str, width: float) -> None:
        """A line through the points, with round joints and ends."""
        scaled = [(x * _SCALE, y * _SCALE) for x, y in points]
        self._draw.line(scaled, fill, round(width * _SCALE), joint="curve")
        for x, y in (points[0], points[-1]):
            self.disc(x, y, width / 2, fill)

    def arc(self, x: float, y: float, radius: float, start: float, end: float, fill: str, width: float) -> None:
        """A part of a circle's outline from `start` to `end` degrees, clockwise from three o'clock."""
        box = [(x - radius) * _SCALE, (y - radius) * _SCALE, (x + radius) * _SCALE, (y + radius) * _SCALE]
        self._draw.arc(box, start, end, fill, round(width * _SCALE))

    def half_bowl(self, x: float, y: float, across: float, down: float, fill: str) -> None:
        """The lower half of an ellipse around (x, y)."""
        box = [(x - across) * _SCALE, (y - down) * _SCALE, (x + across) * _SCALE, (y + down) * _SCALE]
        self._draw.pieslice(box, 0, 180, fill)

    def petal(self, start: Point, angle: float, length: float, width: float, fill: str) -> None:
        """A long oval that starts at a point and lies at `angle` degrees."""
        turn = angle * pi / 180
        points = []
        for step in range(24):
            along = length / 2 * (1 - cos(step * pi / 12))
            aside = width / 2 * sin(step * pi / 12)
            x = start[0] + along * cos(turn) - aside * sin(turn)
            y = start[1] + along * sin(turn) + aside * cos(turn)
            points.append((x, y))
        self.shape(points, fill)

    def finished(self) -> Image.Image:
        """The picture in its final size."""
        return self._image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def _bow(pen: Pen, x: float, y: float, size: float, fill: str, shade: str) -> None:
    """A ribbon's bow with two loops and two ends."""
    for side in (-1, 1):
        pen.shape([(x, y), (x + side * size * 0.9, y + size * 1.25), (x + side * size * 0.4, y + size * 1.35)], shade)
        pen.petal((x, y), 0 if side > 0 else 180, size * 1.35, size * 0.95, fill)
        pen.petal((x + side * size * 0.25, y), 0 if side > 0 else 180, size * 0.8, size * 0.4, shade)
    pen.disc(x, y, size * 0.27, fill)


def chopsticks() -> Image.Image:
    """A bowl of rice with two chopsticks standing upright in it, on a laid table."""
    pen = Pen("#f3e3c8")
    pen.box(0, 150, WIDTH, HEIGHT, "#b9814f")
    pen.box(0, 150, WIDTH, 155, "#a06c40")
    pen.shape([(62, 172), (258, 172), (284, 232), (36, 232)], "#e5d6a8")
    pen.oval(160, 217, 62, 9, "#c9b884")
    for foot in (147, 171):
        pen.shape([(foot - 5, 18), (foot + 4, 18), (foot + 2, 125), (foot - 2, 125)], "#7d2f2a")
        pen.shape([(foot - 5, 18), (foot + 4, 18), (foot + 3.6, 34), (foot - 4.7, 34)], _GOLD)
    pen.oval(160, 130, 66, 17, "#274c77")
    for x, y, radius in ((118, 122, 17), (202, 122, 17), (137, 112, 20), (184, 112, 20), (160, 110, 24)):
        pen.disc(x, y, radius, _WHITE)
    pen.oval(160, 128, 58, 14, _WHITE)
    for x, y in ((128, 116), (144, 104), (158, 116), (172, 100), (188, 114), (202, 123), (140, 127), (176, 127)):
        pen.petal((x, y), 25, 9, 3.5, "#e4ded0")
    for x, y in ((134, 98), (160, 127), (196, 108), (120, 126), (152, 98)):
        pen.petal((x, y), -30, 9, 3.5, "#e4ded0")
    pen.half_bowl(160, 131, 68, 82, "#3a6ea5")
    pen.box(134, 205, 186, 218, "#2f5b8a", 3)
    for x in range(104, 218, 16):
        pen.disc(x, 150, 4.5, "#dbe7f3")
    pen.oval(266, 192, 36, 12, "#fbf6ea")
    pen.oval(266, 190, 28, 8, "#e8dfca")
    for x, y in ((252, 188), (266, 185), (279, 189)):
        pen.oval(x, y, 9, 5.5, "#8fb55a")
        pen.oval(x, y, 6, 3.2, "#c9dc9a")
    return pen.finished()


def clock() -> Image.Image:
    """A round clock with a red bow on it beside a wrapped box."""
    pen = Pen("#dfeaf0")
    pen.box(0, 192, WIDTH, HEIGHT, "#c69a6b")
    pen.box(0, 192, WIDTH, 197, "#ad8255")
    for side in (-1, 1):
        pen.line([(130 + side * 40, 182), (130 + side * 54, 210)], "#8a5a2b", 11)
    pen.disc(130, 128, 82, "#a9702f")
    pen.disc(130, 128, 76, _GOLD)
    pen.disc(130, 128, 66, _WHITE)
    for hour in range(12):
        turn = hour * pi / 6
        inner = 49 if hour % 3 == 0 else 54
        start = (130 + inner * sin(turn), 128 - inner * cos(turn))
        pen.line([start, (130 + 59 * sin(turn), 128 - 59 * cos(turn))], _INK, 5 if hour % 3 == 0 else 2.5)
    pen.line([(130, 128), (105, 113)], _INK, 6)
    pen.line([(130, 128), (158, 92)], _INK, 4)
    pen.disc(130, 128, 6, _RED)
    _bow(pen, 130, 42, 30, _RED, _RED_DARK)
    pen.box(232, 142, 304, 214, "#f0c9c9")
    pen.box(226, 130, 310, 150, "#e9b4b4", 2)
    pen.box(261, 130, 275, 214, _RED)
    _bow(pen, 268, 126, 15, _RED, _RED_DARK)
    return pen.finished()


def _chrysanthemum(pen: Pen, x: float, y: float, size: float) -> None:
    """A white flower with three rings of narrow petals."""
    rings = ((1.0, "#d9dccb", 0.0), (0.92, "#f1f1e6", 8.0), (0.68, "#fffefa", 3.0), (0.42, "#f3efc4", 0.0))
    for reach, fill, turn in rings:
        for step in range(20):
            pen.petal((x, y), step * 18 + turn, size * reach, size * 0.24, fill)
    pen.disc(x, y, size * 0.17, "#d8cf6a")


def chrysanthemums() -> Image.Image:
    """A bunch of white chrysanthemums wrapped in paper."""
    pen = Pen("#b9cbd6")
    pen.box(0, 205, WIDTH, HEIGHT, "#9a8fa6")
    for angle in (-165, -150, -125, -100, -80, -55, -30, -15):
        pen.petal((160, 112), angle, 112, 34, _LEAF_DARK)
    pen.shape([(72, 104), (248, 104), (176, 232), (144, 232)], "#d9b98a")
    pen.shape([(72, 104), (160, 132), (144, 232)], "#e8cfa6")
    pen.shape([(248, 104), (160, 132), (176, 232)], "#cfac7a")
    for x, y in ((104, 54), (160, 42), (216, 54), (82, 92), (238, 92), (132, 96), (188, 96)):
        _chrysanthemum(pen, x, y, 35)
    _chrysanthemum(pen, 160, 124, 33)
    pen.box(138, 188, 182, 199, "#6d5a8a", 4)
    _bow(pen, 160, 193, 18, "#7f6aa0", "#5d4a78")
    return pen.finished()


def _tulip(pen: Pen, x: float, y: float) -> None:
    """A red tulip's head."""
    pen.shape([(x - 17, y - 22), (x - 6, y - 8), (x, y - 26), (x + 6, y - 8), (x + 17, y - 22), (x + 18, y)], _RED_DARK)
    pen.half_bowl(x, y - 2, 18, 22, _RED)
    pen.shape([(x - 18, y - 1), (x - 17, y - 23), (x - 1, y - 1)], _RED)
    pen.shape([(x + 18, y - 1), (x + 17, y - 23), (x + 1, y - 1)], _RED)
    pen.petal((x, y + 20), -90, 44, 17, "#e2605a")


def tulips() -> Image.Image:
    """Six red tulips, tied together with a ribbon."""
    pen = Pen("#fbf1dc")
    heads = ((40, 84), (88, 58), (136, 42), (184, 42), (232, 58), (280, 84))
    for x, y in heads:
        pen.line([(x, y + 18), (160 + (x - 160) * 0.1, 182), (160 - (x - 160) * 0.22, 232)], _LEAF, 5)
    for angle, reach in ((-152, 106), (-124, 104), (-90, 96), (-56, 104), (-28, 106)):
        pen.petal((160, 186), angle, reach, 20, _LEAF_DARK)
    for x, y in heads:
        _tulip(pen, x, y)
    pen.box(140, 176, 180, 191, "#4a78b5", 4)
    _bow(pen, 160, 183, 21, "#5f8fcb", "#3f6aa3")
    return pen.finished()


def _rose(pen: Pen, x: float, y: float) -> None:
    """A pink rose seen from the side."""
    pen.shape([(x - 16, y + 16), (x, y + 34), (x + 16, y + 16)], _LEAF_DARK)
    pen.disc(x, y, 25, "#d9577f")
    pen.oval(x - 11, y + 7, 15, 17, "#e56f93")
    pen.oval(x + 11, y + 7, 15, 17, "#e56f93")
    pen.oval(x, y - 6, 17, 13, "#c54570")
    for radius, start in ((12, 200), (8, 20), (4, 200)):
        pen.arc(x, y - 6, radius, start, start + 230, "#f3a5bd", 2.5)
    pen.arc(x, y + 1, 21, 30, 150, "#c54570", 2.5)


def roses() -> Image.Image:
    """Four pink roses in a glass vase on a table."""
    pen = Pen("#e8efe2")
    pen.box(0, 196, WIDTH, HEIGHT, "#a9764a")
    pen.box(0, 196, WIDTH, 201, "#8f6039")
    heads = ((66, 74), (130, 44), (192, 44), (254, 74))
    for x, y in heads:
        pen.line([(x, y + 26), (160 + (x - 160) * 0.22, 148)], _LEAF, 5)
    for start, angle in (((112, 118), -175), ((136, 106), -120), ((184, 106), -60), ((208, 118), -5)):
        pen.petal(start, angle, 36, 20, _LEAF_DARK)
    pen.shape([(126, 134), (194, 134), (208, 222), (112, 222)], "#a8d0de")
    pen.shape([(121, 166), (199, 166), (208, 222), (112, 222)], "#7fb6cb")
    for x in (139, 153, 167, 181):
        pen.line([(x, 138), (160 - (x - 160) * 0.8, 214)], "#5e9a78", 3.5)
    pen.oval(160, 134, 34, 6, "#cfe6ee")
    for x, _ in heads:
        pen.line([(160 + (x - 160) * 0.27, 128), (160 + (x - 160) * 0.24, 136)], _LEAF, 5)
    pen.line([(124, 148), (119, 208)], "#d9edf3", 3)
    for x, y in heads:
        _rose(pen, x, y)
    return pen.finished()


def _smile(pen: Pen, x: float, y: float, size: float) -> None:
    """Two eyes and a smile."""
    pen.disc(x - size * 0.38, y, size * 0.1, _INK)
    pen.disc(x + size * 0.38, y, size * 0.1, _INK)
    pen.arc(x, y + size * 0.2, size * 0.38, 25, 155, "#8d3f3a", 2.5)


def _child(pen: Pen) -> None:
    """A child in an orange shirt."""
    pen.box(76, 172, 144, HEIGHT, "#e8a33c", 20)
    pen.box(101, 160, 119, 182, _SKIN_SHADE)
    pen.disc(110, 130, 39, "#33262a")
    pen.disc(72, 140, 8, _SKIN)
    pen.disc(148, 140, 8, _SKIN)
    pen.oval(110, 139, 35, 35, _SKIN)
    pen.shape([(74, 132), (80, 106), (110, 98), (140, 106), (146, 132), (110, 120)], "#33262a")
    _smile(pen, 110, 142, 32)


def _adult(pen: Pen) -> None:
    """An adult in a blue shirt, without the arm."""
    pen.box(206, 104, 290, HEIGHT + 30, "#3f7fa8", 26)
    pen.box(238, 84, 258, 112, _SKIN_SHADE)
    pen.oval(248, 54, 35, 40, "#4a3428")
    pen.oval(246, 62, 30, 36, _SKIN)
    pen.shape([(216, 58), (220, 34), (248, 22), (276, 36), (278, 58), (262, 42), (234, 44)], "#4a3428")
    _smile(pen, 243, 64, 28)


def pat() -> Image.Image:
    """A smiling adult who lays a hand on the top of a child's head."""
    pen = Pen("#cfe8f2")
    pen.disc(44, 40, 20, "#f5cf5e")
    pen.oval(60, 214, 150, 44, "#9ccb83")
    pen.oval(270, 220, 150, 44, "#8bbf74")
    _child(pen)
    _adult(pen)
    pen.line([(222, 124), (196, 150), (158, 112)], "#356d92", 25)
    pen.line([(166, 119), (146, 98)], _SKIN, 16)
    pen.oval(131, 93, 23, 11, _SKIN)
    for tip, top in ((86, 97), (84, 92), (87, 87), (94, 83)):
        pen.line([(122, top), (tip + 8, top)], _SKIN, 6.5)
    for top in (89, 94):
        pen.line([(94, top), (112, top)], _SKIN_SHADE, 1.2)
    return pen.finished()


def _sandal(pen: Pen, x: float, y: float, fill: str) -> None:
    """A sandal seen from above."""
    pen.oval(x, y, 8, 18, "#6e4a2f")
    pen.oval(x, y, 6, 15.5, fill)
    pen.line([(x - 6, y), (x, y - 8), (x + 6, y)], "#4b2f1e", 3)


def _leg(pen: Pen, hip: Point, ankle: Point, knee: Point) -> None:
    """A leg in grey trousers with a brown laced shoe that points to the right."""
    pen.line([hip, knee, ankle], "#6f7785", 25)
    x, y = ankle
    pen.box(x - 14, y + 2, x + 13, y + 20, "#7a4526", 5)
    pen.petal((x - 15, y + 15), 0, 58, 20, "#7a4526")
    pen.box(x - 15, y + 19, x + 40, y + 25, "#2f211b", 3)
    for step in (0, 6, 12):
        pen.line([(x + 5 + step, y + 7 + step / 3), (x + 10 + step, y + 4 + step / 3)], "#f0e2cf", 1.8)


def _altar(pen: Pen) -> None:
    """A small household altar with a burning lamp."""
    pen.shape([(238, 84), (275, 56), (312, 84)], "#b5792f")
    pen.box(246, 84, 304, 124, "#e9bf62")
    pen.oval(275, 124, 18, 34, "#7a3b52")
    pen.box(244, 124, 306, 180, "#8a5733", 2)
    pen.box(252, 140, 298, 172, "#774827", 2)
    pen.box(238, 122, 312, 132, "#9c6740", 2)
    pen.half_bowl(275, 113, 14, 10, "#b5652a")
    pen.petal((275, 113), -90, 24, 11, "#f08a24")
    pen.petal((275, 112), -90, 14, 6, "#ffe27a")


def doorway() -> Image.Image:
    """A person in shoes who steps into a room with a household altar; sandals stand outside the door."""
    pen = Pen("#e3a866")
    pen.box(0, 206, WIDTH, HEIGHT, "#b98f6c")
    pen.box(96, 22, 320, 212, "#7b4a2b")
    pen.box(110, 36, 320, 212, "#f7e6c6")
    pen.box(110, 176, 320, 212, "#c7a27a")
    pen.shape([(150, 186), (316, 186), (320, 212), (132, 212)], "#a8324a")
    pen.shape([(158, 190), (312, 190), (314, 207), (146, 207)], "#d8a13f")
    pen.shape([(162, 193), (309, 193), (311, 204), (154, 204)], "#a8324a")
    _altar(pen)
    for index in range(14):
        x = 112 + index * 16
        drop = 7 * sin((index % 4) * pi / 4)
        pen.disc(x, 42 + drop, 8, "#ef8f1f" if index % 2 else "#f6c22f")
        pen.disc(x, 42 + drop, 3.5, "#d9741a" if index % 2 else "#e09f1d")
    pen.box(88, 206, 320, 214, "#6a3f25")
    for x, fill in ((18, "#c98f56"), (37, "#c98f56"), (62, "#b5564f"), (80, "#b5564f")):
        _sandal(pen, x, 217, fill)
    _leg(pen, (152, -6), (126, 176), (140, 86))
    _leg(pen, (162, -6), (196, 172), (190, 84))
    pen.box(124, -10, 194, 26, "#3b5573", 10)
    return pen.finished()


def _host_head(pen: Pen) -> None:
    """A bearded, smiling face under a red and white headdress."""
    pen.shape([(118, 66), (160, 36), (202, 66), (216, 142), (104, 142)], "#c8453f")
    pen.oval(160, 66, 43, 36, "#c8453f")
    for row in range(7):
        for column in range(9):
            x, y = 112 + column * 12 + (row % 2) * 6, 48 + row * 14
            if abs(x - 160) < 34 + row * 2.6:
                pen.disc(x, y, 2.4, "#f7dcd6")
    pen.oval(160, 88, 28, 34, _SKIN)
    pen.shape([(133, 96), (140, 106), (160, 102), (180, 106), (187, 96), (182, 116), (160, 126), (138, 116)], _INK)
    pen.half_bowl(160, 105, 11, 8, _WHITE)
    for x in (149, 171):
        pen.disc(x, 84, 3, _INK)
        pen.arc(x, 82, 8, 220, 320, _INK, 2.5)
    pen.line([(160, 86), (158, 95), (162, 96)], _SKIN_SHADE, 2)
    for y in (58, 52):
        pen.line([(127, y + 2), (143, y - 3), (160, y - 5), (177, y - 3), (193, y + 2)], _INK, 4)


def _coffee_pot(pen: Pen) -> None:
    """A brass coffee pot with a long beak."""
    pen.line([(58, 150), (76, 158), (72, 200), (54, 212)], "#a87a1f", 6)
    pen.shape([(30, 160), (6, 132), (2, 136), (24, 182)], "#c08f2b")
    pen.oval(40, 204, 25, 24, _GOLD)
    pen.shape([(28, 150), (52, 150), (58, 196), (22, 196)], _GOLD)
    pen.box(24, 222, 56, 232, "#a87a1f", 3)
    pen.shape([(26, 150), (54, 150), (40, 118)], "#c08f2b")
    pen.disc(40, 118, 5, "#a87a1f")
    pen.line([(25, 182), (55, 182)], "#a87a1f", 3)
    pen.line([(30, 204), (30, 212)], "#f3d68a", 4)


def _cup_in_hand(pen: Pen) -> None:
    """A hand that holds a steaming cup."""
    pen.line([(256, 160), (268, 150)], _SKIN, 15)
    pen.shape([(256, 112), (300, 112), (292, 150), (264, 150)], _WHITE)
    pen.oval(278, 112, 22, 6, "#e4dccb")
    pen.oval(278, 113, 18, 4, "#a8743a")
    pen.line([(259, 126), (297, 126)], "#2f7d6b", 5)
    for y in (134, 142, 150):
        pen.line([(262, y + 3), (281, y)], _SKIN, 7)
    pen.line([(263, 150), (258, 134)], _SKIN, 8)
    for y in (139, 147):
        pen.line([(268, y + 1), (282, y - 1)], _SKIN_SHADE, 1.3)
    for x in (268, 284):
        pen.line([(x, 100), (x - 4, 92), (x + 3, 84), (x - 1, 76)], "#fbf4e6", 3)


def coffee() -> Image.Image:
    """A host in a white robe, facing us: the pot in the right hand, the cup held out with the left."""
    pen = Pen("#ead7b7")
    pen.box(0, 0, WIDTH, 18, "#a8433d")
    for x in range(0, WIDTH, 32):
        pen.shape([(x, 18), (x + 32, 18), (x + 16, 34)], "#a8433d")
        pen.shape([(x + 8, 18), (x + 24, 18), (x + 16, 26)], _GOLD)
    pen.shape([(114, 118), (206, 118), (226, 240), (94, 240)], _WHITE)
    pen.line([(160, 122), (160, 196)], "#d8d5ca", 2)
    for y in (142, 160, 178):
        pen.disc(160, y, 2.5, "#bdb9ab")
    _host_head(pen)
    _coffee_pot(pen)
    pen.line([(122, 136), (94, 184), (76, 188)], "#f1eee3", 27)
    for y in (178, 185, 192):
        pen.line([(70, y), (72, y + 1)], _SKIN, 9)
    pen.line([(84, 186), (76, 186)], _SKIN, 16)
    pen.line([(198, 136), (226, 178), (250, 164)], "#f1eee3", 27)
    _cup_in_hand(pen)
    return pen.finished()


def _knife(pen: Pen, y: float, blade: float, depth: float) -> None:
    """A kitchen knife that lies with its tip to the right."""
    pen.box(58, y - 8, 128, y + 8, "#5a3a28", 6)
    for x in (72, 93, 114):
        pen.disc(x, y, 2.6, "#d8c6a0")
    pen.box(124, y - 9, 134, y + 9, "#8e99a3", 2)
    tip = 134 + blade
    pen.shape([(134, y - 8), (tip - 30, y - 8), (tip, y + depth - 9), (134, y + depth - 8)], _STEEL)
    pen.shape([(134, y + depth - 13), (tip - 6, y + depth - 12), (tip, y + depth - 9), (134, y + depth - 8)], "#eef3f6")


def knives() -> Image.Image:
    """A gift box with three kitchen knives in it, seen from above."""
    pen = Pen("#f1e9dc")
    pen.box(28, 32, 304, 226, "#cdbfae", 8)
    pen.box(20, 24, 296, 218, "#2f6f73", 8)
    pen.box(34, 38, 282, 204, "#f6d9a8", 4)
    for x in range(44, 282, 22):
        pen.line([(x, 40), (x - 8, 202)], "#eecb90", 2)
    _knife(pen, 78, 112, 26)
    _knife(pen, 124, 124, 20)
    _knife(pen, 168, 78, 16)
    pen.shape([(222, 24), (242, 24), (296, 78), (296, 98)], _RED)
    pen.shape([(20, 144), (20, 164), (74, 218), (94, 218)], _RED)
    _bow(pen, 266, 56, 25, "#dd5550", _RED_DARK)
    return pen.finished()


SCENES: Final[dict[str, Callable[[], Image.Image]]] = {
    "chopsticks.png": chopsticks,
    "chrysanthemums.jpg": chrysanthemums,
    "clock.png": clock,
    "coffee.png": coffee,
    "doorway.png": doorway,
    "knives.png": knives,
    "pat.png": pat,
    "roses.png": roses,
    "tulips.png": tulips,
}
"""The pictures by file name."""


def save(picture: Image.Image, path: Path) -> None:
    """Write a picture as a small JPEG or as a PNG with a palette, after the ending of `path`."""
    if path.suffix == ".jpg":
        picture.save(path, quality=80, optimize=True)
    else:
        picture.quantize(_COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    """Draw every scene into the folder `images`."""
    IMAGES.mkdir(exist_ok=True)
    for name, scene in SCENES.items():
        save(scene(), IMAGES / name)


if __name__ == "__main__":
    main()
