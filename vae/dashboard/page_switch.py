"""A change of page is neither undone nor cut short by the timer of a fragment.

The browser names the page that it shows in each request. A fragment of a page that has just been
left can still ask to be drawn; Streamlit folds such a request into the waiting change of page and
takes the page of the later one, so that the click on the link is lost.

A request for a fragment can also arrive when the run of a page has ended and its last messages
wait to be passed on. Streamlit then starts another runner and drops the messages of the one
before: the page stays half drawn. Here the request waits until they have passed.
"""

from functools import partial

from streamlit.runtime.app_session import AppSession, AppSessionState
from streamlit.runtime.scriptrunner import RerunData
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequests, ScriptRequestType

SECONDS = 0.01  # between two looks whether a runner has passed on its messages

_fold = ScriptRequests._request_rerun_locked
_create = AppSession._create_scriptrunner


def protect() -> None:
    """Leave out requests of fragments of another page than the one that is waited for, and let
    others wait for the last messages of a run."""
    ScriptRequests._request_rerun_locked = _request  # type: ignore[method-assign, assignment]
    AppSession._create_scriptrunner = _create_later  # type: ignore[method-assign, assignment]


def _request(requests: ScriptRequests, new: RerunData) -> bool:
    waiting = requests._rerun_data
    is_change = requests._state == ScriptRequestType.RERUN and not waiting.fragment_id_queue
    pages = {waiting.page_script_hash, new.page_script_hash} - {""}
    if is_change and new.fragment_id and len(pages) == 2:
        return True
    return bool(_fold(requests, new))


def _create_later(session: AppSession, new: RerunData) -> None:
    """Create a runner; while the one before is not through, look again later."""
    if session._scriptrunner is None:
        _create(session, new)
    else:
        session._event_loop.call_later(SECONDS, partial(_repeat, session, new))


def _repeat(session: AppSession, new: RerunData) -> None:
    """Repeat a request for a fragment, unless it or its session is gone."""
    if session._state == AppSessionState.SHUTDOWN_REQUESTED:
        return
    if new.fragment_id and not session.has_fragment(new.fragment_id):
        return
    if session._scriptrunner is None or not session._scriptrunner.request_rerun(new):
        _create_later(session, new)
