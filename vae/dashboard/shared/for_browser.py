"""Networks and planes of latent space in messages to the browser."""

from typing import Any

from numpy.typing import NDArray

from vae.analysis.portable import Portable
from vae.analysis.projections import Plane
from vae.dashboard.plot import serve


def served_floats(values: NDArray[Any]) -> str:
    """Return the address of numbers as 32-bit floats."""
    return serve(values.astype("<f4").tobytes(), "application/octet-stream")


def network_message(network: Portable) -> dict[str, Any]:
    """Return the recipe of a network and the address of its weights."""
    return {"recipe": network.recipe, "weights": served_floats(network.weights)}


def plane_message(plane: Plane) -> dict[str, Any]:
    """Return a plane of latent space for plot/plane.js."""
    parts = {"origin": plane.origin, "forward": plane.forward, "back": plane.back}
    return {name: part.tolist() for name, part in parts.items()}
