"""The settings of a recorded run in the form of config.json."""

from typing import Any

from vae.base.foreign import quoted
from vae.runs.recorded import checks

# A training loop elsewhere has these in other forms, or not at all.
NOT_KNOWN = {
    "examples": 0,
    "val_share": 0.0,
    "test_share": 0.0,
    "binarize": "none",
    "latent_dim": 0,
    "condition": "none",
    "device": "",
}


def checked(**known: Any) -> dict[str, Any]:
    """Return all settings; raises ValueError for the first that is no valid name or number."""
    settings = NOT_KNOWN | known
    for name in (key for key, is_valid in checks(settings).items() if not is_valid):
        raise ValueError(
            f"{name} cannot be {quoted(settings[name])}: a name has up to 40 letters, "
            "digits, spaces, dots, dashes and underscores, a number is at least 0."
        )
    return settings
