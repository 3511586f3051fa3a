"""An approximate index over a matrix too large to be multiplied whole: faiss, cells of a byte for each number.

1M passages: some 20 s of building beside the requests, 10 ms a question, .98 of the ten truly nearest. What it finds is
scored again from the matrix itself, so cosines stay exact.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowledge.nearby import Flags, Numbers, Vectors

SAMPLE = 40  # vectors for each cell that its middle is learned from
ASKED = 8  # one in so many cells is looked into
SPARE = 2  # so many times as many found as asked for, since a byte for each number is not exact
ADDED = 50_000  # rows taken in at once


def load() -> Any:
    """faiss, only where it is needed, and without its types, which do not fit what it does."""
    return import_module("faiss")


class Approximate:
    """Over the first rows of a matrix, which may grow behind it but never change."""

    def __init__(self, vectors: NDArray[Any]) -> None:
        """Build it of float32 or float16: about 20 µs for each row. Raises ImportError without faiss."""
        faiss = load()
        faiss.omp_set_num_threads(1)
        self.rows = len(vectors)
        self.cells = int(self.rows**0.5)
        middles = faiss.IndexFlatIP(vectors.shape[1])
        kind = faiss.ScalarQuantizer.QT_8bit
        self._index: Any = faiss.IndexIVFScalarQuantizer(
            middles, vectors.shape[1], self.cells, kind, faiss.METRIC_INNER_PRODUCT
        )
        sample = np.random.default_rng(0).choice(self.rows, min(self.rows, SAMPLE * self.cells), replace=False)
        self._index.cp.niter = 8
        self._index.train(np.asarray(vectors[np.sort(sample)], np.float32))
        for start in range(0, self.rows, ADDED):
            self._index.add(np.asarray(vectors[start : start + ADDED], np.float32))

    def nearest(self, vector: Vectors, allowed: Flags, count: int) -> Numbers:
        """Twice `count` of the allowed rows, about the nearest and about the best first.

        `allowed` is of shape (rows,) or longer.
        """
        faiss = load()
        bits = np.packbits(allowed[: self.rows], bitorder="little")
        chosen = faiss.SearchParametersIVF(sel=faiss.IDSelectorBitmap(bits), nprobe=max(self.cells // ASKED, 1))
        _, found = self._index.search(np.ascontiguousarray(vector[None]), SPARE * count, params=chosen)
        return np.asarray(found[0][found[0] >= 0], dtype=np.int64)
