"""Build ONNX networks that replace those of rembg, so the repository holds no weights."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper, save

OPSET = 17


def save_constant(path: Path, value: float, *, side: int = 320) -> None:
    """Write a network that returns *value* for each pixel, with batch size 1."""
    net = Net(side, batch=1)
    flat = net.add("Mul", net.conv("picture", 3, 1, kernel=1), net.weight(np.zeros(1)))
    net.save(path, net.add("Add", flat, net.weight(np.full(1, value))))


def save_tinted(path: Path, *, side: int = 320, batch: int | str = "batch") -> None:
    """Write a network whose output depends on the picture; *batch* is a size or a symbolic name."""
    net = Net(side, batch)
    net.save(path, net.add("Sigmoid", net.conv(net.cbr("picture", 3, 8), 8, 1)))


def save_recurrent(path: Path, channels: tuple[int, int, int, int] = (1, 1, 1, 1)) -> None:
    """Write a network with the inputs and outputs of RobustVideoMatting, a few hundred bytes.

    Its alpha is the mean of the brightness now and of what it remembers of earlier frames, in
    feature maps of so many equal *channels*.
    """
    maps = [(f"r{n}i", f"r{n}o", 2**n) for n in range(1, 5)]
    ones = [
        numpy_helper.from_array(np.ones((1, count, 1, 1), np.float32), f"{after}_ones")
        for count, (_, after, _) in zip(channels, maps, strict=True)
    ]
    nodes = [helper.make_node("ReduceMean", ["src"], ["luma"], axes=[1], keepdims=1)]
    half = numpy_helper.from_array(np.float32(0.5), "half")
    for before, after, factor in maps:
        sides = {"kernel_shape": [factor, factor], "strides": [factor, factor]}
        nodes += [
            helper.make_node("AveragePool", ["luma"], [f"{after}_pooled"], **sides),
            helper.make_node("Mul", [f"{after}_pooled", f"{after}_ones"], [f"{after}_new"]),
            helper.make_node("Add", [f"{after}_new", before], [f"{after}_sum"]),
            helper.make_node("Mul", [f"{after}_sum", "half"], [after]),
        ]
    scales = numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales")
    nodes.append(helper.make_node("ReduceMean", ["r1o"], ["mean"], axes=[1], keepdims=1))
    nodes.append(helper.make_node("Resize", ["mean", "", "scales"], ["pha"], mode="nearest"))
    nodes.append(helper.make_node("Identity", ["src"], ["fgr"]))
    shape = ["b", "c", "h", "w"]
    inputs = [
        ("src", ["b", 3, "h", "w"]),
        *((before, ["b", 1 if max(channels) == 1 else "c", "h", "w"]) for before, _, _ in maps),
        ("downsample_ratio", [1]),
    ]
    outputs = ["fgr", "pha", *(after for _, after, _ in maps)]
    graph = helper.make_graph(
        nodes,
        "recurrent stand-in",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in outputs],
        [half, scales, *ones],
    )
    opset = helper.make_opsetid("", OPSET)
    save(helper.make_model(graph, opset_imports=[opset], ir_version=8), str(path))


def save_u2net_sized(path: Path, *, side: int = 320) -> None:
    """Write the graph of U²-Net with random weights: 44 million, 176 MB, the speed of the original.

    Stages and widths are those of Qin et al. 2020, "U²-Net", arXiv:2005.09007, figure 5; batch
    normalisation is folded into the convolutions, as exporters do.
    """
    net = Net(side, batch=1)
    widths = [(7, 3, 32, 64), (6, 64, 32, 128), (5, 128, 64, 256), (4, 256, 128, 512)]
    seen = [net.rsu("picture", *widths[0])]
    for width in widths[1:]:
        seen.append(net.rsu(net.pooled(seen[-1]), *width))
    seen.append(net.dilated_rsu(net.pooled(seen[-1]), 512, 256, 512))
    deepest = net.dilated_rsu(net.pooled(seen[-1]), 512, 256, 512)
    sides = [net.conv(deepest, 512, 1)]
    below = net.dilated_rsu(net.joined(deepest, seen[4]), 1024, 256, 512)
    sides.append(net.conv(below, 512, 1))
    back = [(4, 1024, 128, 256), (5, 512, 64, 128), (6, 256, 32, 64), (7, 128, 16, 64)]
    for skipped, width in zip(seen[3::-1], back, strict=True):
        below = net.rsu(net.joined(below, skipped), *width)
        sides.append(net.conv(below, width[-1], 1))
    resized = [net.resized(side_output, sides[-1]) for side_output in sides[:-1]]
    net.save(path, net.add("Sigmoid", net.conv(net.concat(*resized, sides[-1]), 6, 1, kernel=1)))


class Net:
    """Builds a graph: each method adds nodes and returns the name of their output."""

    def __init__(self, side: int, batch: int | str) -> None:
        self._random = np.random.default_rng(1)
        self._nodes: list[NodeProto] = []
        self._weights: list[TensorProto] = []
        self._side, self._batch = side, batch

    def save(self, path: Path, output: str) -> None:
        """Write the model with the only output *output*, (batch, 1, side, side)."""
        path.parent.mkdir(parents=True, exist_ok=True)
        save(self._model(self.add("Identity", output)), str(path))

    def _model(self, output: str) -> ModelProto:
        square = (self._side, self._side)
        graph: GraphProto = helper.make_graph(
            self._nodes,
            "stand-in",
            [
                helper.make_tensor_value_info(
                    "picture", TensorProto.FLOAT, (self._batch, 3, *square)
                )
            ],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, (self._batch, 1, *square))],
            self._weights,
        )
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=8)

    def weight(self, values: NDArray[np.float64]) -> str:
        """Add a constant."""
        name = f"w{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def add(self, kind: str, *inputs: str, **attributes: object) -> str:
        """Add a node with one output."""
        name = f"n{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def conv(self, x: str, wide: int, out: int, *, kernel: int = 3, dilation: int = 1) -> str:
        """Add a convolution that keeps the size, with weights as in He et al. 2015."""
        scale = np.sqrt(2 / (wide * kernel**2))
        weights = self._random.standard_normal((out, wide, kernel, kernel), np.float32) * scale
        pad = dilation * (kernel // 2)
        pads, dilations = [pad] * 4, [dilation] * 2
        names = self.weight(weights), self.weight(np.zeros(out))
        return self.add("Conv", x, *names, pads=pads, dilations=dilations)

    def cbr(self, x: str, wide: int, out: int, dilation: int = 1) -> str:
        """Add a convolution and a ReLU."""
        return self.add("Relu", self.conv(x, wide, out, dilation=dilation))

    def pooled(self, x: str) -> str:
        """Add max pooling to half the size, rounded up."""
        return self.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)

    def concat(self, *parts: str) -> str:
        """Concatenate channels."""
        return self.add("Concat", *parts, axis=1)

    def resized(self, x: str, like: str) -> str:
        """Resize *x* to the height and width of *like*."""
        channels = self.add("Shape", x, start=0, end=2)
        size = self.add("Concat", channels, self.add("Shape", like, start=2, end=4), axis=0)
        return self.add("Resize", x, "", "", size, mode="linear")

    def joined(self, deep: str, skipped: str) -> str:
        """Concatenate the deeper stage, resized, with the skip connection."""
        return self.concat(self.resized(deep, skipped), skipped)

    def rsu(self, x: str, height: int, wide: int, mid: int, out: int) -> str:
        """Add a residual U-block of *height* levels."""
        first = self.cbr(x, wide, out)
        levels = [self.cbr(first, out, mid)]
        for _ in range(height - 2):
            levels.append(self.cbr(self.pooled(levels[-1]), mid, mid))
        up = self.cbr(levels[-1], mid, mid, dilation=2)
        up = self.cbr(self.concat(up, levels[-1]), 2 * mid, mid)
        for level in levels[-2:0:-1]:
            up = self.cbr(self.joined(up, level), 2 * mid, mid)
        return self.add("Add", self.cbr(self.joined(up, levels[0]), 2 * mid, out), first)

    def dilated_rsu(self, x: str, wide: int, mid: int, out: int) -> str:
        """Add a residual U-block that widens its receptive field by dilation instead of pooling."""
        first = self.cbr(x, wide, out)
        levels = [self.cbr(first, out, mid)]
        for dilation in (2, 4):
            levels.append(self.cbr(levels[-1], mid, mid, dilation))
        up = self.cbr(levels[-1], mid, mid, 8)
        for level, dilation in zip(levels[:0:-1], (4, 2), strict=True):
            up = self.cbr(self.concat(up, level), 2 * mid, mid, dilation)
        return self.add("Add", self.cbr(self.concat(up, levels[0]), 2 * mid, out), first)
