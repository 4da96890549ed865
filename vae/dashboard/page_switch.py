"""A change of page is not undone by the timer of a fragment.

The browser names the page that it shows in each request. A fragment of a page that has just been
left can still ask to be drawn; Streamlit folds such a request into the waiting change of page and
takes the page of the later one, so that the click on the link is lost.
"""

from streamlit.runtime.scriptrunner import RerunData
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequests, ScriptRequestType

_fold = ScriptRequests._request_rerun_locked


def protect() -> None:
    """Leave out requests of fragments of another page than the one that is waited for."""
    ScriptRequests._request_rerun_locked = _request  # type: ignore[method-assign, assignment]


def _request(requests: ScriptRequests, new: RerunData) -> bool:
    waiting = requests._rerun_data
    is_change = requests._state == ScriptRequestType.RERUN and not waiting.fragment_id_queue
    pages = {waiting.page_script_hash, new.page_script_hash} - {""}
    if is_change and new.fragment_id and len(pages) == 2:
        return True
    return bool(_fold(requests, new))
