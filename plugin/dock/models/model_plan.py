"""What one run of a model takes: the algorithm for its type, the names of its files, and the parameters.

The panel runs these parameters, the dialogs of the Toolbox open with them, and the copied command is made of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from qgis.core import (
    QgsApplication,
    QgsProcessing,
    QgsProcessingAlgorithm,
    QgsProcessingOutputLayerDefinition,
    QgsProcessingParameterDefinition,
    QgsProject,
)

from ....processing.errors import InputError
from ...layers.free_name import free_name
from ...settings import threads
from ...translation import tr
from ..map_plan import area_file
from ..session import Session
from .model_choice import ModelChoice

PROVIDER_ID = "bitscape"
ALGORITHMS = {
    "Segmentor": "segmentraster",
    "Regressor": "segmentraster",
    "Detector": "detectobjects",
    "Superresolution": "enhanceresolution",
    "Recognition": "matchexample",
}
"""Type of a model → the algorithm that runs it. A type is supported as soon as its algorithm is there."""
ESTIMATES = {"segmentraster": "estimatesegment"}
"""Algorithm → the operation that says what it will cost, where there is one."""
SHOWN_AT_ONCE = {"CONFIDENCE"}
"""Optional outputs that are wanted unless one says no."""
FIRST = "OUTPUT"
WRITTEN = {"Regressor": (FIRST,)}
"""Types of models that do not write all that their algorithm can."""
SUFFIXES = {FIRST: "", "REPORT": "_report"}
WHOLE, VIEW, AREAS = "whole", "view", "areas"


@dataclass(frozen=True)
class Output:
    """A file that an algorithm can write: its parameter, what it is called, the ending of its name, and whether it is
    written unless one says no."""

    name: str
    title: str
    ending: str
    optional: bool
    usual: bool


@dataclass(frozen=True)
class ModelPlan:
    """An algorithm with its parameters, and the files it makes (none where they are temporary)."""

    algorithm: str
    parameters: dict[str, Any]
    outputs: dict[str, Path]

    def loading(self, project: QgsProject) -> dict[str, Any]:
        """The parameters, with all rasters and vectors that are made loaded into a project."""
        algorithm = _registered(self.algorithm)
        given = dict(self.parameters)
        for output in outputs_of(algorithm) if algorithm is not None else ():
            if output.name in given and output.ending in (".tif", ".gpkg"):
                given[output.name] = QgsProcessingOutputLayerDefinition(given[output.name], project)
        return given


def algorithm_of(model_type: str) -> Optional[QgsProcessingAlgorithm]:
    """The algorithm that runs models of a type; None where there is none yet."""
    name = ALGORITHMS.get(model_type)
    return _registered(f"{PROVIDER_ID}:{name}") if name is not None else None


def estimate_of(model_type: str) -> Optional[str]:
    """The operation that says what running a model of a type will cost; None where there is none."""
    return ESTIMATES.get(ALGORITHMS.get(model_type, ""))


def outputs_of(algorithm: QgsProcessingAlgorithm, model_type: str = "") -> list[Output]:
    """What it can write, for models of a type, the main result first."""
    found = []
    for one in algorithm.destinationParameterDefinitions():
        if one.name() not in WRITTEN.get(model_type, (one.name(),)):
            continue
        ending = str(one.defaultFileExtension())
        optional = bool(one.flags() & QgsProcessingParameterDefinition.Flag.FlagOptional)
        usual = not optional or one.createByDefault() or one.name() in SHOWN_AT_ONCE
        found.append(Output(one.name(), one.description(), f".{ending}", optional, usual))
    return sorted(found, key=lambda output: output.name != FIRST)


def lacking(algorithm: QgsProcessingAlgorithm) -> list[str]:
    """What it needs besides model and raster, in its words: its own form asks for that."""
    flag = QgsProcessingParameterDefinition.Flag.FlagOptional
    return [one.description() for one in algorithm.parameterDefinitions()
            if not one.isDestination() and not one.flags() & flag and one.defaultValue() is None
            and one.name() not in ("INPUT", "MODEL")]


def output_words(output: Output, model_type: str) -> str:
    """An output in a word or two; what the algorithm calls it where it is none of ours."""
    main = {"Segmentor": tr("Classes"), "Regressor": tr("Numbers")}.get(model_type, output.title)
    return {FIRST: main, "SCORES": tr("Scores"), "CONFIDENCE": tr("Confidence"), "POLYGONS": tr("Polygons")}.get(
        output.name, output.title)


def names_of(target: Path, outputs: list[Output]) -> dict[str, Path]:
    """Parameter → file, named after the first output's."""
    made = {}
    for output in outputs:
        suffix = SUFFIXES.get(output.name, f"_{output.name.lower()}")
        stem = re.sub(r"_classes(?=(_\d+)?$)", "", target.stem) if suffix else target.stem
        made[output.name] = target if not suffix else target.with_name(f"{stem}{suffix}{output.ending}")
    return made


def free_target(choice: ModelChoice, outputs: list[Output]) -> Optional[Path]:
    """Beside the raster, or in the project's folder: a name that is free for all outputs; None without model and
    raster."""
    if choice.model is None or not choice.raster:
        return None
    raster = Path(choice.raster)
    folder = raster.parent if raster.is_file() else Path.home()
    first = outputs[0].ending if outputs else ".tif"
    ending = "_classes" if choice.info is not None and choice.info.model_type == "Segmentor" else ""
    path = folder / f"{raster.stem}_{choice.model.stem}{ending}{first}"
    return free_name(path, lambda one: any(other.exists() for other in names_of(one, outputs).values()))


def plan(
    choice: ModelChoice, session: Session, where: str, extent: str, target: Optional[Path], wanted: set[str]
) -> ModelPlan:
    """What a run as chosen takes. ``extent``: as Processing writes it, for ``where`` VIEW; ``target``: of the first
    output, None for temporary files; ``wanted``: the optional outputs. Raises InputError that says what is missing."""
    hindrance = choice.hindrance()
    if hindrance:
        raise InputError(hindrance)
    assert choice.info is not None
    algorithm = algorithm_of(choice.info.model_type)
    if algorithm is None:
        raise InputError(tr("The Toolbox has no algorithm for models of this type."))
    possible = outputs_of(algorithm, choice.info.model_type)
    outputs = [one for one in possible if not one.optional or one.name in wanted]
    if not outputs:
        raise InputError(tr("Choose at least one result."))
    files = names_of(target, outputs) if target is not None else {}
    there = [path.name for path in files.values() if path.exists()]
    if there:
        names = ", ".join(there)
        raise InputError(tr("{0} exists already; nothing is overwritten. Choose another name.").format(names))
    given: dict[str, Any] = common_parameters(choice)
    if where == VIEW:
        given["EXTENT"] = extent
    elif where == AREAS:
        given["AOI"] = area_file(session, target or Path(choice.raster))
    given.update({one.name: str(files.get(one.name, QgsProcessing.TEMPORARY_OUTPUT)) for one in outputs})
    known = {one.name() for one in algorithm.parameterDefinitions()}
    return ModelPlan(algorithm.id(), {name: value for name, value in given.items() if name in known},
                     files)


def common_parameters(choice: ModelChoice) -> dict[str, Any]:
    """What all algorithms of models are told: model, raster, bands, provider; what is as proposed is left out."""
    given: dict[str, Any] = {"INPUT": choice.raster, "MODEL": str(choice.model)}
    if choice.card is not None:
        given["CARD"] = str(choice.card)
    if choice.bands is not None:
        given["BANDS"] = ",".join(str(band) for band in choice.bands)
    if choice.provider_chosen:
        offered = choice.info.providers if choice.info is not None else ()
        titles = {one.key: one.title for one in offered}
        given["PROVIDER"] = titles.get(choice.provider_chosen, choice.provider_chosen)
    return given


def request_of(choice: ModelChoice, **more: Any) -> Mapping[str, Any]:
    """The same for the operations of the backend."""
    return {"model": str(choice.model), "input": choice.raster, "bands": choice.bands,
            "card": str(choice.card) if choice.card is not None else None,
            "provider": choice.provider_chosen or "automatic", "threads": threads(), **more}


def _registered(name: str) -> Optional[QgsProcessingAlgorithm]:
    found: Optional[QgsProcessingAlgorithm] = QgsApplication.processingRegistry().algorithmById(name)
    return found
