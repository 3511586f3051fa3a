"""The embedding model as exported for the server's workers: the same vectors, without torch, never a stale one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from knowledge import onnx_encoder
from knowledge.embedding import Encoder, EncoderState
from knowledge.onnx_encoder import ABOUT, QUESTIONS, export_folder, model_folder, opened
from tests.conftest import RUN_FOLDER, alone

SENTENCES = [
    "My kettle arrived with a crack in the handle and I would like a new one.",
    "where is my order",
    "Can I still return the boots I bought in March? I never wore them outside.",
    "How do I change the address of a parcel that is already on its way?",
    "I was charged twice for one subscription, please give one payment back.",
    "The app says my password is wrong although I changed it this morning",
    "Do you deliver to Norway, and who pays the customs?",
    "gift card",
    "Firefox keeps crashing when I open a PDF from an e-mail on Windows 11.",
    "Is there a discount for nurses?",
    "The colour is not what it looked like on the website; it is much darker.",
    "Cancel my appointment on Thursday",
]


@pytest.fixture(scope="session")
def exporting() -> Encoder:
    """The packaged model, loaded and exported once for all tests of a run."""
    encoder = Encoder("", Path(os.environ[RUN_FOLDER]))
    with alone("export"):
        assert encoder.load()
        assert encoder.export()
    return encoder


def test_the_exported_model_gives_the_same_vectors(exporting: Encoder) -> None:
    exported = opened("", exporting.data_dir)
    assert exported is not None
    true = exporting.encode(SENTENCES)
    assert np.sum(true * exported.encode(SENTENCES), axis=1).min() > 0.9999
    rounded = np.stack([exported.encode_question(text) for text in SENTENCES])
    assert np.sum(true * rounded, axis=1).min() >= 0.98  # by rounding; a little other on each kind of processor
    assert np.linalg.norm(rounded, axis=1) == pytest.approx(1, abs=1e-4)


def test_any_text_at_all_can_be_read(exporting: Encoder) -> None:
    exported = opened("", exporting.data_dir)
    assert exported is not None
    for text in ("", " ", "x", "😀", "word " * 10_000, "\u202e\ud7ff"):
        assert np.isfinite(exported.encode_question(text)).all()
        assert exported.encode([text, "beside it"]).shape == (2, 384)


def test_a_worker_reads_questions_and_articles_without_torch(exporting: Encoder) -> None:
    code = """
import sys
from pathlib import Path
from knowledge.embedding import Encoder
encoder = Encoder("", Path(sys.argv[1]))
encoder.start()
encoder._loaded.wait()
assert encoder.ready(), encoder.state
assert encoder.encode_question("gift cards").shape == (384,)
assert encoder.encode(["gift cards", "lamps"]).shape == (2, 384)
print(sorted({"torch", "transformers", "sentence_transformers"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(exporting.data_dir)], check=True, capture_output=True, text=True
    )
    assert done.stdout == "[]\n"


def test_a_remembered_question_is_not_read_again(exporting: Encoder) -> None:
    first = exporting.encode_question("Do you sell lamps?")
    assert exporting.encode_question("Do you sell lamps?") is first
    exporting.forget()
    assert exporting.encode_question("Do you sell lamps?") is not first


def test_a_changed_model_folder_has_another_export(tmp_path: Path) -> None:
    source = model_folder("")
    assert source
    shutil.copytree(source, tmp_path / "model", ignore=shutil.ignore_patterns("*.safetensors"))
    setting = str(tmp_path / "model")
    before = export_folder(setting, tmp_path)
    assert export_folder(setting, tmp_path) == before
    (tmp_path / "model" / "config.json").write_text("{}")
    assert export_folder(setting, tmp_path) != before
    assert export_folder("no such model", tmp_path) is None
    assert export_folder("/no/such/folder", tmp_path) is None


def test_a_broken_export_is_passed_over(exporting: Encoder, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source, broken = export_folder("", exporting.data_dir), export_folder("", tmp_path)
    assert source
    assert broken
    shutil.copytree(source, broken)
    (broken / QUESTIONS).write_bytes(b"half of it")
    assert opened("", tmp_path) is None
    assert "cannot be used" in caplog.text
    assert opened("", tmp_path / "nothing exported") is None


def test_a_model_that_cannot_be_exported_is_held_whole(
    exporting: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(model: object, folder: Path) -> None:
        (folder / "begun").touch()
        raise RuntimeError("an operator that nobody knows")

    monkeypatch.setattr(onnx_encoder, "write", fail)
    encoder = Encoder("", tmp_path)
    encoder._model, encoder.state = exporting._model, EncoderState.READY
    assert not encoder.export()
    assert not encoder.is_exported()
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["lock"]
    assert encoder.encode_question("gift cards").shape == (384,)


def test_exporting_twice_at_once_writes_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Path] = []

    def write(model: object, folder: Path) -> None:
        written.append(folder)
        (folder / ABOUT).write_text("{}")

    monkeypatch.setattr(onnx_encoder, "write", write)
    monkeypatch.setattr(onnx_encoder, "prove", lambda model, folder: None)
    folder, old = tmp_path / "models" / f"mine-{'0' * 16}", tmp_path / "models" / f"mine-{'1' * 16}"
    other = tmp_path / "models" / f"others-{'1' * 16}"
    for stale in (old, other):
        stale.mkdir(parents=True)
    threads = [threading.Thread(target=onnx_encoder.export, args=(None, folder)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(written) == 1
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == ["lock", folder.name, other.name]


def test_the_same_question_at_once_is_encoded_once(tmp_path: Path) -> None:
    began, may_end, read = threading.Event(), threading.Event(), []

    class Slow:
        def encode_question(self, text: str) -> np.ndarray:
            read.append(text)
            began.set()
            may_end.wait(10)
            return np.ones(3, np.float32)

    encoder = Encoder("", tmp_path)
    encoder._exported = Slow()  # type: ignore[assignment]
    found: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: found.append(encoder.encode_question("gift cards"))) for _ in range(3)]
    threads[0].start()
    assert began.wait(10)
    for thread in threads[1:]:
        thread.start()
    may_end.set()
    for thread in threads:
        thread.join(10)
    assert (read, len(found)) == (["gift cards"], 3)
