"""DBOS, which keeps workflows in the bot's database, so that they survive the process."""

from datetime import UTC, datetime

from dbos import DBOS, DBOSConfig

DELETE_BATCH = 200  #: workflows that are deleted in one transaction
#: fixed, so that the next process continues the workflows of this one whatever code it runs
APPLICATION_NAME, APPLICATION_VERSION, EXECUTOR_ID = "overlaybot", "1", "bot"
MAX_THREADS = 8  #: for calls to the database, one per connection; the default is one per workflow


def launch(system_url: str, *, poll_seconds: float = 1) -> None:
    """Start DBOS on the running event loop; it continues all open workflows.

    All instances that have workflows must exist.

    Args:
        system_url: the address of the database.
        poll_seconds: seconds between two polls for messages between workflows; the bot has none,
            but :func:`shut_down` waits for one poll.
    """
    config: DBOSConfig = {
        "name": APPLICATION_NAME,
        "system_database_url": system_url,
        "application_version": APPLICATION_VERSION,
        "executor_id": EXECUTOR_ID,
        "log_level": "WARNING",
        "max_executor_threads": MAX_THREADS,
        "sys_db_pool_size": MAX_THREADS,
        "notification_listener_polling_interval_sec": poll_seconds,
        "enable_otlp": False,
    }
    DBOS(config=config)
    DBOS.launch()


def shut_down() -> None:
    """Stop DBOS in a process that goes on; the next launch continues open workflows.

    It waits for the event loop, so it must run in another thread.
    """
    DBOS.destroy()


async def delete_workflows(before: float) -> None:
    """Delete the records of workflows that ended before *before*, in seconds since 1970."""
    completed_before = datetime.fromtimestamp(before, UTC).isoformat()
    while workflows := await DBOS.list_workflows_async(
        completed_before=completed_before,
        limit=DELETE_BATCH,
        load_input=False,
        load_output=False,
    ):
        await DBOS.delete_workflows_async([workflow.workflow_id for workflow in workflows])
