"""Evaluations saved with a run, by a job of the Evaluate page or by the command.

An evaluation is one JSON file in the run's `derived/`: the numbers (`evaluation`), the settings
that they were computed with (`wanted`), the time (`made`: ISO 8601, UTC), and the SHA-256 and step
of the weights (`weights`). The file's name is a hash of weights and settings, so that the job and
the command write equal work to one file. A run may train meanwhile: the file names the weights
that were loaded, not those on disk afterwards.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Self

from vae.base import files
from vae.base.json_text import is_count
from vae.base.records import Evaluation
from vae.runs import glance
from vae.runs.result_keys import key
from vae.runs.run import Run

KIND, SUFFIX = "evaluate", ".json"


class EvaluationRequest(NamedTuple):
    """The settings of an evaluation."""

    checkpoint: str  # "best" or "last"
    split: str
    elbo_samples: int = 10  # L, samples of q(z|x) for the reconstruction
    samples: int = 100  # K, importance samples for −ln p(x); 0 skips the estimate
    full: bool = True  # with mutual information, probes and every other slow measure

    @classmethod
    def of(cls, saved: Any) -> Self:
        """Return the request in a JSON object; raises TypeError if it is none."""
        request = cls(**saved)
        texts, counts = request[:2], request[2:4]
        if not all(isinstance(text, str) for text in texts) or not all(map(is_count, counts)):
            raise TypeError("a setting of another type")
        return request


class Weights(NamedTuple):
    """Identity of the weights that an evaluation used."""

    sha256: str
    step: int | None  # of the optimiser; None where the file does not hold it


class SavedEvaluation(NamedTuple):
    """An evaluation read from a run's folder."""

    path: Path
    request: EvaluationRequest
    weights: Weights
    created: datetime
    record: Evaluation


def save(run: Run, request: EvaluationRequest, weights: Weights, record: Evaluation) -> None:
    """Write an evaluation atomically; raises OSError if the folder cannot be written."""
    name = key(weights.sha256, request._asdict())
    content = {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "wanted": request._asdict(),
        "weights": weights._asdict(),
        "evaluation": record.as_json(),
    }
    path = run.derived(KIND, name, SUFFIX)
    files.make_folder(path.parent)
    files.write_json(path, content)
    glance.mark(run.path)


def saved_evaluations(run: Run) -> list[SavedEvaluation]:
    """Return every evaluation of a run, the newest first. Unreadable files are skipped."""
    paths = (run.path / "derived").glob(f"{KIND}-*{SUFFIX}")
    found = filter(None, map(_read, paths))
    return sorted(found, key=lambda saved: (saved.created, saved.path.name), reverse=True)


def _read(path: Path) -> SavedEvaluation | None:
    try:
        content = files.read_json(path)
        return SavedEvaluation(
            path,
            EvaluationRequest.of(content["wanted"]),
            Weights(str(content["weights"]["sha256"]), _step(content["weights"].get("step"))),
            datetime.fromisoformat(content["made"]),
            Evaluation.from_json(content["evaluation"]),
        )
    except (TypeError, KeyError, ValueError, AttributeError):
        return None


def _step(saved: Any) -> int | None:
    return int(saved) if is_count(saved) else None
