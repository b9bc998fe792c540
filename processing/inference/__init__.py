"""ONNX models over rasters: what a model is and wants (cards, heads, channels), where it runs, and the maps it "
"makes."""
