"""The table of what the backend can do: name → request type and function. Imports of the work itself are lazy."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from .environment import kernels_are_compiled
from .errors import InputError
from .progress import Progress


class Request(BaseModel):
    """Base of all requests: unknown parameters are refused, not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Result(BaseModel):
    """Base of all results: what crosses back to QGIS as JSON (NaN does not: use None)."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Operation:
    """Where an operation lives: ``module`` (relative to this package) has ``function(request, progress) -> Result``
    and the request type ``request``."""

    module: str
    function: str
    request: str

    def run(self, values: dict[str, Any], progress: Progress) -> dict[str, Any]:
        """Check ``values`` against the request type and run. Returns the result as JSON-ready values."""
        module = importlib.import_module(f".{self.module}", __package__)
        result: Result = getattr(module, self.function)(self.parse(values), progress)
        return result.model_dump(mode="json")

    def parse(self, values: dict[str, Any]) -> Request:
        """``values`` as a request. Raises InputError that names each wrong parameter, its value and what is right."""
        module = importlib.import_module(f".{self.module}", __package__)
        request_type: type[Request] = getattr(module, self.request)
        try:
            return request_type.model_validate(values)
        except ValidationError as error:
            raise InputError(_explain(error), str(error)) from error


OPERATIONS: dict[str, Operation] = {
    "createsampledata": Operation("sampledata.create", "create_sample_data", "SampleRequest"),
    "buildembeddingtiles": Operation("compression.build", "build_embedding_tiles", "BuildRequest"),
    "trainclassifier": Operation("training.train", "train", "TrainRequest"),
    "describetiles": Operation("compression.describe", "describe_tiles", "DescribeRequest"),
    "warmlive": Operation("live.warm", "warm_live", "WarmRequest"),
    "livemap": Operation("live.live", "live_map", "LiveRequest"),
    "livevalidation": Operation("live.livevalidation", "live_validation", "ValidationRequest"),
    "learningcurve": Operation("live.livevalidation", "learning_curve", "ValidationRequest"),
    "nextpoint": Operation("live.nextpoint", "next_point", "NextPointRequest"),
    "suggestpoints": Operation("classification.suggestpoints", "suggest_points", "SuggestRequest"),
    "applyclassifier": Operation("mapping.apply", "apply_classifier", "ApplyRequest"),
    "estimateapply": Operation("mapping.estimate", "estimate_apply", "EstimateRequest"),
    "designsample": Operation("statistics.design", "design_sample", "DesignRequest"),
    "classpolygons": Operation("polygons.classpolygons", "class_polygons", "PolygonRequest"),
    "compressembeddings": Operation("compression.compress", "compress_embeddings", "CompressRequest"),
    "decompressembeddings": Operation("compression.compress", "decompress_embeddings", "DecompressRequest"),
    "changemagnitude": Operation("embeddings.change_magnitude", "change_magnitude", "MagnitudeRequest"),
    "assessaccuracy": Operation("statistics.assess", "assess_accuracy", "AssessRequest"),
    "interpreteragreement": Operation("statistics.interpreters", "interpreter_agreement", "AgreementRequest"),
    "buildretrievalstore": Operation("indexing.build", "build_retrieval_store", "BuildStoreRequest"),
    "comparecompression": Operation("study.compare", "compare_compression", "CompareRequest"),
    "findsimilar": Operation("retrieval.find", "find_similar", "FindRequest"),
    "livefind": Operation("livefind.live_find", "live_find", "LiveFindRequest"),
    "similarityraster": Operation("embeddings.similarity", "similarity_raster", "SimilarityRequest"),
    "evaluaterecall": Operation("recall.evaluate_recall", "evaluate_recall", "RecallRequest"),
    "mappoints": Operation("statistics.map_points", "map_points", "PointsRequest"),
    "describemodel": Operation("inference.describemodel", "describe_model", "DescribeModelRequest"),
    "compareprecision": Operation("inference.precision", "compare_precision", "PrecisionRequest"),
    "savecard": Operation("inference.savecard", "save_card", "SaveCardRequest"),
    "segmentraster": Operation("prediction.segment", "segment_raster", "SegmentRequest"),
    "estimatesegment": Operation("prediction.estimate", "estimate_segment", "EstimateRequest"),
    "detectobjects": Operation("prediction.detect", "detect_objects", "DetectRequest"),
    "enhanceresolution": Operation("prediction.enhance", "enhance_resolution", "EnhanceRequest"),
    "matchexample": Operation("prediction.match", "match_example", "MatchRequest"),
}


def run(name: str, values: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Run the operation ``name``. Raises InputError if there is none of that name."""
    operation = OPERATIONS.get(name)
    if operation is None:
        raise InputError(f"There is no operation named {name!r}; there are {', '.join(sorted(OPERATIONS))}.")
    if not kernels_are_compiled():
        progress.info("The first run compiles Bitscape's kernels, which takes some seconds; later runs do not.")
    return operation.run(values, progress)


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_url=False):
        name = ".".join(str(part) for part in problem["loc"]) or "request"
        given = "" if problem["type"] == "missing" else f" (given: {problem['input']!r:.120})"
        lines.append(f"{name}: {problem['msg'].removeprefix('Value error, ')}{given}")
    return "Wrong parameters: " + "; ".join(lines) + "."
