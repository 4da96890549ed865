"""Every setting has a test that shows its effect, and every effect a setting."""

from tests.knobs import test_data, test_model, test_objective, test_training
from vae.config import fields

ROOMS = (test_data, test_model, test_objective, test_training)


def test_every_setting_has_its_effect_tested() -> None:
    tested = [name for room in ROOMS for name in room.EFFECTS]
    followed = {f"{field.name}_schedule" for field in test_objective.SCHEDULED}
    assert sorted({*tested, *followed}) == sorted(field.name for field in fields())
    tests = [test for room in ROOMS for test in room.EFFECTS.values()]
    assert len(set(tests)) == len(tests)
