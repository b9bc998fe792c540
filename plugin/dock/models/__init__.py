"""The tab Models: ONNX models on any raster."""
