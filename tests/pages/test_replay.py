"""The Time machine page: the message equals the files of the run, and every empty state has a
reason."""

import json
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import OpenPage, trained
from vae.analysis.replay import replay
from vae.dashboard.replay.export import FORMATS
from vae.imaging import tiles
from vae.runs import Run, identity
from vae.runs.manifest import domain_of

KINDS = {"f4": "<f4", "u1": "u1"}


def sent(at: AppTest) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the message to the player."""
    (component,) = at.get("bidi_component")
    content = component.proto.bytes
    (length,) = struct.unpack("<I", content[:4])
    head, arrays, start = json.loads(content[4 : 4 + length]), {}, 4 + length
    for name, kind, count in head["blobs"]:
        arrays[name] = np.frombuffer(content, KINDS[kind], count, start)
        start += arrays[name].nbytes
    assert start == len(content)
    return head, arrays


def text(at: AppTest) -> str:
    return " ".join(e.value for e in [*at.markdown, *at.caption, *at.subheader])


def test_every_frame_is_sent_unchanged(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "three", latent_dim=3, frames=4)
    head, arrays = sent(open_page("replay.py"))
    frames = [run.frame(step) for step in run.frame_steps()]
    examples = run.examples()
    assert examples is not None
    assert head["step"] == run.frame_steps()
    assert head["epoch"] == [frame.epoch for frame in frames]
    record = replay(frames, examples)
    np.testing.assert_array_equal(arrays["aligned"], record.aligned.reshape(-1))
    np.testing.assert_array_equal(arrays["raw"], record.raw.reshape(-1))
    np.testing.assert_array_equal(arrays["originals"], _bytes(examples.originals))
    made = [_bytes(part) for f in frames for part in (f.reconstructions, f.samples)]
    np.testing.assert_array_equal(arrays["decoded"], np.concatenate(made))
    np.testing.assert_array_equal(arrays["hue"], examples.label)
    titles = {curve["title"]: curve for curve in head["curves"]}
    assert set(titles) == {"Reconstruction", "KL", "ELBO"}
    for split, epochs, values in titles["KL"]["lines"]:
        lines = [r for r in run.reports() if r["split"] == split]
        np.testing.assert_allclose(arrays[values], [r["kl"] for r in lines], rtol=1e-6)
        np.testing.assert_allclose(arrays[epochs], [r["epoch"] for r in lines], rtol=1e-6)


def _bytes(values: np.ndarray) -> np.ndarray:
    return tiles.pixels(values)[..., : values.shape[1]].reshape(-1)


@pytest.mark.parametrize("latents", [1, 2])
def test_vectors_and_few_latents_are_sent(latents: int, root: Path, open_page: OpenPage) -> None:
    settings = {"data": "mixture", "examples": 200, "likelihood": "gaussian-learned"}
    run = trained(root, "vectors", latent_dim=latents, **settings)
    head, arrays = sent(open_page("replay.py"))
    assert (head["one_dimensional"], head["rings"]) == (latents == 1, latents == 2)
    last = run.frame()
    assert last is not None
    assert head["vector"]["size"] == 2
    per_frame = arrays["decoded"].reshape(len(head["step"]), -1)
    decoded = np.concatenate([last.reconstructions, last.samples])
    rescaled = domain_of(run.header).rescale(decoded)  # the columns are drawn in one scale
    np.testing.assert_array_equal(per_frame[-1], rescaled.reshape(-1))
    assert "picture" not in head


def test_a_point_posterior_has_neither_rings_nor_kl(root: Path, open_page: OpenPage) -> None:
    trained(root, "point", posterior="point", objective="reconstruction", latent_dim=2)
    head, _ = sent(open_page("replay.py"))
    assert not head["rings"]
    assert [curve["title"] for curve in head["curves"]] == ["Reconstruction"]
    assert head["titles"]["samples_title"] == "Decoded noise"


def test_factors_colour_the_points(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "moon", data="moon-phases", examples=200, latent_dim=2, epochs=1)
    at = open_page("replay.py")
    at.selectbox(key="replay_hue").set_value("phase").run()
    assert not at.exception
    head, arrays = sent(at)
    examples = run.examples()
    assert examples is not None
    assert head["hue"]["title"] == "phase"
    order = np.argsort(examples.factors["phase"])
    assert (np.diff(arrays["hue"][order].astype(int)) >= 0).all()


def test_a_run_without_frames_has_a_sentence_and_a_remedy(root: Path, open_page: OpenPage) -> None:
    trained(root, "none", frames=0)
    words = text(open_page("replay.py"))
    assert "saves no frames" in words
    assert "--frames 32" in words


def test_one_frame_has_a_note(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "one", frames=3)
    for step in run.frame_steps()[1:]:
        (run.path / "frames" / f"{step:09d}.safetensors").unlink()
    at = open_page("replay.py")
    assert len(sent(at)[0]["step"]) == 1
    assert "has saved one frame so far" in text(at)


def test_damaged_frames_are_left_out_with_a_note(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "broken", frames=4)
    steps = run.frame_steps()
    files = [run.path / "frames" / f"{step:09d}.safetensors" for step in steps]
    files[1].write_bytes(files[1].read_bytes()[:200])
    at = open_page("replay.py")
    assert sent(at)[0]["step"] == [steps[0], *steps[2:]]
    assert f"1 of {len(steps)} frames" in text(at)
    assert f"step {steps[1]}" in text(at)
    for file in files:
        file.write_bytes(b"nothing")
    assert "No frame of this run can be read" in text(open_page("replay.py"))
    (run.path / "frames" / "examples.safetensors").write_bytes(b"nothing")
    assert "examples.safetensors" in text(open_page("replay.py"))


def test_the_next_frame_of_a_run_in_training_is_sent(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "live", frames=3)
    at = open_page("replay.py")
    assert not sent(at)[0]["live"]
    run.set_status(state="running", heartbeat=time.time(), **identity())
    at.run()
    assert sent(at)[0]["live"]
    frame = run.frame()
    assert frame is not None
    run.record(frame._replace(step=frame.step + 50, epoch=frame.epoch + 1))
    at.run()
    assert sent(at)[0]["step"][-1] == frame.step + 50


@pytest.mark.parametrize("form", ["gif", "webp"])
def test_an_animation_is_drawn_in_the_background(
    form: str, root: Path, open_page: OpenPage
) -> None:
    import io

    from PIL import Image

    run = trained(root, "three", frames=3)
    at = open_page("replay.py")
    at.selectbox(key="replay_format").set_value(form).run()
    at.selectbox(key="replay_width").set_value(640).run()
    at.selectbox(key="replay_between").set_value(1).run()
    stops = 2 * len(run.frame_steps()) - 1
    assert f"{stops} pictures of 640 × 358, {stops * 60 / 1000:.1f} s" in text(at)
    at.button(key="replay_make").click().run()
    job = at.session_state["replay_job"]
    job.join(30)
    at.run()
    assert not at.exception
    assert job.problem == ""
    picture = Image.open(io.BytesIO(job.content))
    assert picture.format == form.upper()
    assert picture.size == (640, 358)
    assert picture.n_frames == stops
    assert f"Download {FORMATS[form]}" in " ".join(b.label for b in at.get("download_button"))


def test_the_arrays_can_be_downloaded(root: Path, open_page: OpenPage) -> None:
    run: Run = trained(root, "three", frames=3)
    at = open_page("replay.py")
    labels = [button.label for button in at.get("download_button")]
    assert "Aligned frames (.npz)" in labels, run.name


def test_two_runs_share_a_clock_and_a_link(root: Path, open_page: OpenPage) -> None:
    """The address names the second run and the step at which the player starts."""
    trained(root, "one", frames=3)
    other = trained(root, "other", frames=2)
    run = Run(root / "one")
    steps = run.frame_steps()
    at = open_page("replay.py", run="one", other="other", step=str(steps[1]))
    heads = [_head(c.proto.bytes) for c in at.get("bidi_component")]
    both = [head for head in heads if "pair" in head]
    wanted = [("first", steps[1]), ("second", None)]
    assert [(head["pair"], head["start"]) for head in both] == wanted
    assert both[1]["step"] == other.frame_steps()
    assert at.query_params["other"] == "other"
    assert at.query_params["step"] == str(steps[1])
    at.session_state["replay"] = {"step": steps[0]}
    at.run()
    assert at.query_params["step"] == str(steps[0])


def _head(content: bytes) -> dict[str, Any]:
    try:
        return json.loads(content[4 : 4 + int.from_bytes(content[:4], "little")])
    except ValueError:
        return {}
