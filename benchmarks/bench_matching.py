"""Matching at 101 confidences in one pass, beside pycocotools and hotcoco.

    python -m benchmarks.bench_matching [images]

Prints ratios, which survive a busy machine better than times: our one pass for all 101 confidences
against one mAP evaluation of pycocotools and of hotcoco, on the same arrays of 30 detections and 7
objects an image; and our brush decoder against the SDK's. The best of several runs counts.
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from evals.engine.average_precision import new_state
from evals.engine.events import image_cells, image_counts, pack_events, unpack_events
from evals.engine.matching import Detections, Objects
from evals.engine.precision.batch import Batch
from predictions.regions.brush import decode_brush
from tests.evals.engine.box_events import box_match_events

N_OBJECTS, N_DETECTIONS, N_CLASSES = 7, 30, 10
CHUNK = 250


def make_batch(n_images: int, seed: int = 0) -> Batch:
    """Objects of 20 to 140 pixels; half of the detections lie near one, most of its class."""
    r = np.random.default_rng(seed)
    n_objects, n_detections = n_images * N_OBJECTS, n_images * N_DETECTIONS
    boxes = random_boxes(r, n_objects)
    labels = r.integers(0, N_CLASSES, n_objects)
    image = np.repeat(np.arange(n_images), N_DETECTIONS)
    near = image * N_OBJECTS + r.integers(0, N_OBJECTS, n_detections)
    jittered = np.maximum(boxes[near] + r.normal(0, 12, (n_detections, 4)), 1)
    stray = r.random(n_detections) < 0.5
    jittered[stray] = random_boxes(r, int(stray.sum()))
    wrong = r.random(n_detections) < 0.2
    called = np.where(wrong, r.integers(0, N_CLASSES, n_detections), labels[near])
    return Batch(
        image_ids=np.arange(1, n_images + 1),
        objects=Objects(image=np.repeat(np.arange(n_images), N_OBJECTS), label=labels),
        object_boxes_xywh_px=boxes,
        detections=Detections(image=image, label=called, score=r.random(n_detections)),
        detection_boxes_xywh_px=jittered,
    )


def random_boxes(r: np.random.Generator, n: int) -> np.ndarray:
    return np.concatenate([r.uniform(0, 500, (n, 2)), r.uniform(20, 140, (n, 2))], axis=1)


def match(batch: Batch) -> Any:
    return box_match_events(
        batch.objects,
        batch.object_boxes_xywh_px,
        batch.detections,
        batch.detection_boxes_xywh_px,
        n_classes=N_CLASSES,
    )


def average_precision(batch: Batch, engine: str) -> Any:
    state = new_state(N_CLASSES, engine=engine)
    state.add(batch)
    return state.table()


def best_seconds(run: Callable[[], Any], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)


def read_page(blobs: list[bytes]) -> None:
    events = unpack_events(blobs)
    image_counts(events, 37, n_images=len(blobs), n_classes=N_CLASSES)
    image_cells(events, 37).triples(len(blobs))


def disc_stream() -> list[int]:
    """A disc of 640 x 480 as the brush stream that Label Studio's converter writes."""
    from label_studio_sdk.converter.brush import mask2rle

    y, x = np.mgrid[:480, :640]
    stream: list[int] = mask2rle((((x - 320) ** 2 + (y - 240) ** 2 < 150**2) * 255).astype("u1"))
    return stream


def main(n_images: int) -> None:
    from label_studio_sdk.converter.brush import decode_rle

    batch, chunk = make_batch(n_images), make_batch(CHUNK)
    ours = best_seconds(lambda: match(chunk), 9) / CHUNK
    events = match(chunk)
    blobs = pack_events(events, CHUNK)
    packing = best_seconds(lambda: pack_events(events, CHUNK), 9) / CHUNK
    reading = best_seconds(lambda: read_page(blobs), 9)
    print(f"{N_DETECTIONS} detections x {N_OBJECTS} objects an image, {N_CLASSES} classes")
    print(f"one pass, 101 confidences     {ours * 1e6:8.1f} us/image, chunks of {CHUNK}")
    print(f"packing                       {packing * 1e6:8.1f} us/image")
    print(f"stored                        {np.mean([len(b) for b in blobs]):8.0f} bytes/image")
    print(f"reading them at one confidence{reading / CHUNK * 1e6:8.1f} us/image")
    for engine in ("pycocotools", "hotcoco"):
        theirs = best_seconds(partial(average_precision, batch, engine), 2) / n_images
        print(f"{engine + ' mAP, once':30}{theirs / ours:8.1f} x our pass ({n_images} images)")
    stream = disc_stream()
    sdk = best_seconds(lambda: decode_rle(stream), 3)
    brush = best_seconds(lambda: decode_brush(stream, width_px=640, height_px=480), 9)
    print(f"brush mask, Label Studio SDK  {sdk / brush:8.1f} x our decoder ({brush * 1e3:.2f} ms)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
