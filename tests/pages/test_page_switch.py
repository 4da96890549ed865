"""A change of page that waits for its run is not undone by a fragment of the page before."""

from streamlit.runtime.scriptrunner import RerunData
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequests

from vae.dashboard import page_switch

LINK = RerunData(page_script_hash="there")
TIMER = RerunData(page_script_hash="here", fragment_id="view")


def page_of(*given: RerunData, folded: bool = False) -> str:
    """Return the page that runs after these requests."""
    requests = ScriptRequests()
    for data in given:
        (page_switch._fold if folded else page_switch._request)(requests, data)
    request = requests.on_scriptrunner_ready()
    return str(request.rerun_data.page_script_hash)


def test_a_timer_does_not_undo_a_change_of_page() -> None:
    assert page_of(LINK, TIMER, folded=True) == "here"  # as Streamlit does
    assert page_of(LINK, TIMER) == "there"
    assert page_of(TIMER, LINK) == "there"


def test_requests_of_one_page_are_folded_as_before() -> None:
    whole = RerunData(page_script_hash="here")
    for given in ((TIMER,), (TIMER, TIMER), (whole, TIMER), (TIMER, whole)):
        assert page_of(*given) == page_of(*given, folded=True) == "here"
