"""The panels of evaluations, in the order in which they are built."""

from evals.panels import (
    confidence_sweep,
    confusion_matrix,
    intervals,
    map_results,
    performance_by_class,
    recommendations,
    slices,
    vector_analysis,
)
from evals.panels.precision import curves, error_types

PANELS = (
    map_results.PANEL,
    confidence_sweep.PANEL,
    performance_by_class.PANEL,
    confusion_matrix.PANEL,
    vector_analysis.PANEL,
    recommendations.PANEL,
    slices.PANEL,
    intervals.PANEL,
    curves.PANEL,
    error_types.PANEL,
)
