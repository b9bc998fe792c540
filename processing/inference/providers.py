"""What can run a model here: onnxruntime's execution providers in words, the choice, and what came of it."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path

import onnxruntime

from ..environment import device
from ..errors import InputError

AUTOMATIC = "automatic"


@dataclass(frozen=True)
class Provider:
    """``key`` is what requests say, ``name`` onnxruntime's, ``title`` and ``about`` are for people; ``offered``:
    onnxruntime as installed here has it (whether its device answers shows when a model is opened)."""

    key: str
    name: str
    title: str
    about: str
    offered: bool = False


KNOWN = (
    Provider(
        "tensorrt", "TensorrtExecutionProvider", "TensorRT (NVIDIA)", "builds an engine for minutes at the first run"
    ),
    Provider("cuda", "CUDAExecutionProvider", "CUDA (NVIDIA)", "an NVIDIA graphics card"),
    Provider("migraphx", "MIGraphXExecutionProvider", "MIGraphX (AMD)", "an AMD graphics card"),
    Provider("directml", "DmlExecutionProvider", "DirectML", "any graphics card under Windows"),
    Provider("coreml", "CoreMLExecutionProvider", "CoreML", "Apple's graphics and neural cores"),
    Provider("openvino", "OpenVINOExecutionProvider", "OpenVINO (Intel)", "Intel processors and graphics"),
    Provider(
        "openvino-bf16",
        "OpenVINOExecutionProvider",
        "OpenVINO (Intel), bfloat16",
        "Intel processors that have bfloat16: faster and less exact; measure what it costs",
    ),
    Provider("qnn", "QNNExecutionProvider", "QNN (Qualcomm)", "Qualcomm's neural cores"),
    Provider("dnnl", "DnnlExecutionProvider", "oneDNN", "the processor, by Intel's library"),
    Provider("cpu", "CPUExecutionProvider", "CPU", "the processor"),
)
"""In the order of preference."""

NOT_AUTOMATIC = frozenset({"tensorrt", "qnn", "dnnl", "migraphx", "openvino-bf16"})
"""Taken only when asked for: slow to begin with, for models made for them, or less exact."""

PRECISIONS = {"openvino-bf16": "bfloat16"}
"""Providers that compute in another precision than the model's own."""

PRECISE = frozenset({"float32", "float64", "float16", "none"})


def options(provider: Provider, threads: int) -> dict[str, str]:
    """onnxruntime's options for a provider. OpenVINO computes in float32 unless bfloat16 was asked for, whatever the
    processor could do faster."""
    if provider.key == "cuda":
        return {"cudnn_conv_algo_search": "HEURISTIC", "arena_extend_strategy": "kSameAsRequested"}
    if provider.name == "OpenVINOExecutionProvider":
        hint = "bf16" if provider.key == "openvino-bf16" else "f32"
        config = {"CPU": {"INFERENCE_PRECISION_HINT": hint}}
        return {"device_type": "CPU", "num_of_threads": str(threads), "load_config": json.dumps(config)}
    return {}


def providers() -> list[Provider]:
    """The known providers, best first, with whether they are offered here."""
    there = set(onnxruntime.get_available_providers())
    return [Provider(one.key, one.name, one.title, one.about, one.name in there) for one in KNOWN]


def offered() -> list[Provider]:
    """Those of ``providers`` that onnxruntime has here. The CPU is always among them."""
    return [one for one in providers() if one.offered]


def choose(wanted: str) -> list[Provider]:
    """Providers to try in turn for ``wanted``: "automatic", a key, or onnxruntime's own name; the CPU is always last.

    Raises InputError for a name that is none.
    """
    there = offered()
    cpu = there[-1]
    if wanted.lower() in (AUTOMATIC, ""):
        return [one for one in there if one.key not in NOT_AUTOMATIC]
    for one in providers():
        if wanted.lower() in (one.key, one.name.lower(), one.title.lower()):
            return [one] if one.key == "cpu" else [one, cpu]
    raise InputError(
        f"There is no provider named {wanted!r:.60}; here there are {AUTOMATIC}, {', '.join(p.key for p in there)}."
    )


def title(name: str) -> str:
    """onnxruntime's name of a provider in words."""
    return next((one.title for one in KNOWN if one.name == name), name.removesuffix("ExecutionProvider"))


def machine() -> str:
    """The processor in words: its name, the cores this process may use, and the memory."""
    cores = device()["cores"]
    memory = _memory()
    parts = [_processor(), f"{cores} core{'s' if cores != 1 else ''}"]
    return ", ".join([*parts, f"{memory / 2**30:.0f} GiB of memory"] if memory else parts)


def devices() -> list[str]:
    """What onnxruntime sees: "CUDA (NVIDIA): GPU of NVIDIA" …; empty where it cannot say."""
    try:
        found = onnxruntime.get_ep_devices()
        return [
            f"{title(one.ep_name)}: {one.device.type.name} of {one.device.vendor or one.ep_vendor}" for one in found
        ]
    except (AttributeError, RuntimeError):
        return []


def _memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "CPU"
