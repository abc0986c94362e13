"""What makes workflows outlive us: DBOS, in the same database as everything else."""

from datetime import UTC, datetime

from dbos import DBOS, DBOSConfig

DELETE_BATCH = 200  #: workflows that are forgotten in one transaction
#: fixed, so that whoever comes after us takes our workflows over, whatever changed in the code
APPLICATION_NAME, APPLICATION_VERSION, EXECUTOR_ID = "overlaybot", "1", "bot"
MAX_THREADS = 16  #: for its calls to the database; without a limit it takes one for each workflow


def launch(system_url: str, *, poll_seconds: float = 1) -> None:
    """Take up all workflows that are not over; they run on the event loop that runs now.

    All instances with workflows must have been made before.

    Args:
        system_url: of the database.
        poll_seconds: between two looks for messages between workflows, of which we have none;
            :func:`end` waits for one.
    """
    config: DBOSConfig = {
        "name": APPLICATION_NAME,
        "system_database_url": system_url,
        "application_version": APPLICATION_VERSION,
        "executor_id": EXECUTOR_ID,
        "log_level": "WARNING",
        "max_executor_threads": MAX_THREADS,
        "sys_db_pool_size": 8,
        "notification_listener_polling_interval_sec": poll_seconds,
        "enable_otlp": False,
    }
    DBOS(config=config)
    DBOS.launch()


def shut_down() -> None:
    """Stop the threads, for who goes on living; workflows that run are taken up at the next launch.

    Not on the event loop, for which it waits.
    """
    DBOS.destroy()


async def delete_workflows(before: float) -> None:
    """Remove what is known of workflows that ended before that time, in seconds since 1970."""
    moment = datetime.fromtimestamp(before, UTC).isoformat()
    while ended := await DBOS.list_workflows_async(
        completed_before=moment, limit=DELETE_BATCH, load_input=False, load_output=False
    ):
        await DBOS.delete_workflows_async([one.workflow_id for one in ended])
