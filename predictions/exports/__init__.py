"""Writes predictions and whole projects as files: JSON, CSV, Parquet, COCO, YOLO, VOC."""
