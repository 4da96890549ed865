"""The values that the field of a setting offers."""

from vae.base.devices import available
from vae.base.options import Field
from vae.data import DATASETS


def setting_titles(field: Field) -> dict[str, str]:
    """Return the choices of a setting with their titles; none for a setting that is typed."""
    if field.name == "data":
        return {name: name for name in DATASETS}
    if field.name == "device":
        devices = {device.name: f"{device.name} · {device.about}" for device in available()}
        return {field.default: field.default, **devices}
    return {name: name for name in field.option.choices}
