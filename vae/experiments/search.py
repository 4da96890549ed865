"""Search: trials of settings that a sampler of Optuna chooses, each trial an ordinary run.

A search is a sweep, by the tag of its runs. Its study, the values and results of all trials, is
ROOT/.searches/NAME.log, lines of JSON that Optuna's JournalStorage writes. A study from elsewhere
can therefore be opened with Optuna, and this one by Optuna's own tools.

The value of a trial is the best validation score of its run (the ELBO, for most objectives), in
nats per example; higher is better. A trial is pruned if, after a quarter of its epochs, its best
score so far is below the median of the earlier trials at that epoch (Optuna's MedianPruner).
"""

import importlib
import importlib.util
import operator
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from json import JSONDecodeError
from pathlib import Path
from typing import Any, NamedTuple

from vae.base.json_text import parse
from vae.base.numbers import typed
from vae.base.options import Field
from vae.config import RunConfig
from vae.experiments.configurations import written
from vae.experiments.sweeps import DIGITS, RANGES, axis_of, changed, field_of, members
from vae.runs.names import NAME

FOLDER = ".searches"
MOST = 1000  # trials
STARTUP = 5  # trials before any is pruned
WARM = 4  # one of so many parts of the epochs passes before a trial is pruned
ABSENT = "A search needs Optuna: pip install optuna."


class Method(NamedTuple):
    """A row of the table: a sampler as a function of Optuna's samplers and the seed."""

    sampler: Callable[[Any, int], Any]
    about: str


METHODS: dict[str, Method] = {
    "random": Method(lambda s, seed: s.RandomSampler(seed=seed), "independent draws"),
    "sobol": Method(
        lambda s, seed: s.QMCSampler(qmc_type="sobol", scramble=True, seed=seed),
        "a scrambled Sobol sequence, which fills ranges evenly (values of a list: random)",
    ),
    "tpe": Method(
        lambda s, seed: s.TPESampler(seed=seed, multivariate=True),
        "the tree-structured Parzen estimator, near the best trials so far (Bergstra et al. 2011)",
    ),
}


class Space(NamedTuple):
    """The values of one setting: a range, or a list."""

    field: Field
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    values: tuple[Any, ...] = ()

    def suggestion(self, trial: Any) -> Any:
        """Return the value that a trial of Optuna chooses."""
        name = self.field.name
        if self.values:
            by_name = {written(value): value for value in self.values}
            return by_name[trial.suggest_categorical(name, list(by_name))]
        if self.field.type is int:
            return trial.suggest_int(name, round(self.low), round(self.high), log=self.log)
        found = trial.suggest_float(name, self.low, self.high, log=self.log)
        return min(max(float(typed(found, DIGITS)), self.low), self.high)


def space(text: str, network: str = "") -> Space:
    """Parse "lr=log:1e-4:1e-2", "latent_dim=linear:2:32" or a list "beta=0.5,1,2"; raises
    ValueError."""
    name, equals, values = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} names no values: write it like lr=log:1e-4:1e-2.")
    field = field_of(name, network)
    kind, _, rest = values.strip().partition(":")
    if kind not in RANGES or field.type not in (int, float):
        return Space(field, values=axis_of(name, values, network).values)
    try:
        low, high = map(float, rest.split(":"))
    except ValueError:
        raise ValueError(
            f"In a search a range of {field.name} is from and to, such as {kind}:1:10, not {rest}."
        ) from None
    if not low < high < float("inf") or (kind == "log" and low <= 0):
        raise ValueError(
            f"The range {rest} of {field.name} goes from a lower to a higher number"
            f"{', both above 0' if kind == 'log' else ''}."
        )
    return Space(field, low, high, kind == "log")


class Search:
    """A search with its study."""

    def __init__(self, root: Path | str, name: str) -> None:
        """Open the study of a search; raises ValueError if there is none, or without Optuna."""
        self.root, self.name = Path(root), name
        if not is_search(root, name):
            raise ValueError(f"There is no search {name!r} in {root}.")
        with _sentences(self.root, name) as optuna:
            self.optuna, storage = optuna, _storage(optuna, root, name)
            self.study = optuna.load_study(study_name=name, storage=storage)
            about = self.study.user_attrs
            for run in members(root, name)[:1]:
                _ = run.header  # it remembers the text of a network in a file
            self.base = RunConfig.of(**parse(about["base"]))
            self.study.pruner = optuna.pruners.MedianPruner(STARTUP)
            self.trials, self.method = operator.index(about["trials"]), str(about["method"])
            self.spaces = [space(text, self.base.network) for text in about["over"]]
            # A resumed search goes on with other draws
            seed = self.base.seed + len(self.study.trials)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # samplers whose options may change in Optuna
                self.study.sampler = METHODS[self.method].sampler(optuna.samplers, seed)

    @property
    def file(self) -> Path:
        """The journal of the study."""
        return _file(self.root, self.name)

    def trial(self) -> Any | None:
        """Return a trial that was begun and not ended, or a new one; None after the last one."""
        open_ones = [t for t in self.study.trials if not t.state.is_finished()]
        if open_ones:
            return self.optuna.trial.Trial(self.study, open_ones[0]._trial_id)
        return self.study.ask() if len(self.study.trials) < self.trials else None

    def config(self, trial: Any) -> tuple[dict[str, Any], RunConfig]:
        """Return the settings that a trial chooses, and its configuration; raises ValueError."""
        changes = {one.field.name: one.suggestion(trial) for one in self.spaces}
        return changes, changed(self.base, changes)

    def is_open(self, trial: Any) -> bool:
        """Whether a trial has no result yet."""
        return not self.study.trials[trial.number].state.is_finished()

    def end(self, trial: Any, value: float | None, pruned: bool = False) -> None:
        """Record the result of a trial; None for one that failed."""
        states = self.optuna.trial.TrialState
        if pruned:  # its value is the last one that was reported
            self.study.tell(trial, state=states.PRUNED)
        elif value is None:
            self.study.tell(trial, state=states.FAIL)
        else:
            self.study.tell(trial, value)


def begin(
    root: Path | str, name: str, base: RunConfig, over: Sequence[str], method: str, trials: int
) -> Search:
    """Create the study of a new search; raises ValueError."""
    if not 1 <= trials <= MOST:
        raise ValueError(f"A search has 1 to {MOST} trials, not {trials}.")
    if not base.val_share:
        raise ValueError("A search compares validation scores: set val_share above 0.")
    if not over:
        raise ValueError("A search needs settings to choose: --over lr=log:1e-4:1e-2.")
    names = [space(text, base.network).field.name for text in over]
    if twice := next((n for n in names if names.count(n) > 1), ""):
        raise ValueError(f"{twice} is given twice: name each setting once.")
    _file(root, name).parent.mkdir(parents=True, exist_ok=True)
    with _sentences(Path(root), name) as optuna:
        storage = _storage(optuna, root, name)
        study = optuna.create_study(study_name=name, storage=storage, direction="maximize")
        about = {"base": base.model_dump_json(), "over": list(over), "method": method}
        for key, value in (about | {"trials": trials}).items():
            study.set_user_attr(key, value)
    return Search(root, name)


def is_search(root: Path | str, name: str) -> bool:
    """Whether a sweep is a search."""
    return NAME.fullmatch(name) is not None and _file(root, name).is_file()


def check_installed() -> None:
    """Raise ValueError without Optuna."""
    if importlib.util.find_spec("optuna") is None:
        raise ValueError(ABSENT)


def _file(root: Path | str, name: str) -> Path:
    return Path(root) / FOLDER / f"{name}.log"


def _storage(optuna: Any, root: Path | str, name: str) -> Any:
    journal, file = importlib.import_module("optuna.storages.journal"), _file(root, name)
    if not _ends_whole(file):
        lock = journal.JournalFileSymlinkLock(str(file))
        lock.acquire()  # the line may be one that another process is writing
        try:
            if not _ends_whole(file):
                os.truncate(file, file.read_bytes().rfind(b"\n") + 1)
        finally:
            lock.release()
    return optuna.storages.JournalStorage(journal.JournalFileBackend(str(file)))


def _ends_whole(file: Path) -> bool:
    """Whether the last line of a journal is complete. Optuna passes over a torn one and appends to
    it, and the journal can no longer be read."""
    return not file.exists() or file.read_bytes()[-1:] in (b"", b"\n")


@contextmanager
def _sentences(root: Path, name: str) -> Iterator[Any]:
    """Yield Optuna, silent; raise ValueError for a study that cannot be used."""
    check_installed()
    optuna = importlib.import_module("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield optuna
    except Exception as error:  # a damaged journal raises nearly every type
        if isinstance(error, ValueError) and not isinstance(error, UnicodeError | JSONDecodeError):
            raise
        raise ValueError(
            f"The study {_file(root, name)} cannot be used ({type(error).__name__}): restore it, "
            "or start a new search."
        ) from error
