"""Stores what files of ground truth and detections hold: tasks, their ground truth, a version's
predictions.
"""
