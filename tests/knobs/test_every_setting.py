"""Every setting has a test of its effect, and every such test has a setting."""

from tests.knobs import test_data, test_model, test_objective, test_reading, test_training
from vae.config import fields

ROOMS = (test_data, test_model, test_objective, test_reading, test_training)


def test_every_setting_has_a_test_of_its_effect() -> None:
    tested = [name for room in ROOMS for name in room.EFFECTS]
    followed = {f"{field.name}_schedule" for field in test_objective.SCHEDULED}
    assert sorted({*tested, *followed}) == sorted(field.name for field in fields())
    tests = [test for room in ROOMS for test in room.EFFECTS.values()]
    assert len(set(tests)) == len(tests)
