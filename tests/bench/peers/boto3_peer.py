"""A migration of the integration logs as a good user of boto3 and psycopg writes it: boto3_peer.py ROWS | --version.

Two processes, each with its half of the keys: a server-side cursor, and batch_writer, which sends 25 items at a time on a kept
connection and sends again what came back unprocessed. The mapping is that of migrations/integration-logs. The source is
HLUA_SOURCE, the target the AWS environment's."""
import multiprocessing
import os
import platform
import sys
from datetime import timedelta, timezone

import boto3
import psycopg

TABLE = "LoanApp-IntegrationLogs-" + os.environ.get("ENVIRONMENT", "dev")
COLUMNS = ("LogId", "ApplicationId", "LogType", "ServiceName", "RequestData", "ResponseData", "StatusCode", "IsSuccess",
           "ErrorMessage", "ProcessingTimeMs", "LogTimestamp", "CorrelationId", "UserId")
PROCESSES = 2
RETENTION = timedelta(days=365)


def item_of(row):
    """A row as an item: NULL columns are left out, and so is an index whose column is NULL."""
    item = {name: value for name, value in zip(COLUMNS, row) if value is not None}
    time = item["LogTimestamp"]
    day = time.strftime("%Y-%m-%d")
    at = f"{time.isoformat(timespec='milliseconds')}Z#{item['LogId']}"
    item["LogTimestamp"] = time.isoformat(timespec="microseconds")
    item["TTL"] = int((time + RETENTION).replace(microsecond=0, tzinfo=timezone.utc).timestamp())
    item["PK"] = f"{item['ServiceName']}-{day}"
    item["SK"] = at
    item["GSI3PK"] = f"ERROR#{'true' if item['IsSuccess'] else 'false'}#{day}"
    item["GSI3SK"] = at
    if "ApplicationId" in item:
        item["GSI1PK"] = f"APP#{item['ApplicationId']}"
        item["GSI1SK"] = at
    if "CorrelationId" in item:
        item["GSI2PK"] = f"CORR#{item['CorrelationId']}"
        item["GSI2SK"] = at
    return item


def move(low, high):
    """Moves the rows whose key is above low and up to high."""
    table = boto3.resource("dynamodb").Table(TABLE)
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    with psycopg.connect(os.environ["HLUA_SOURCE"]) as connection, connection.cursor("logs", binary=True) as cursor:
        cursor.itersize = 2000
        cursor.execute(f'SELECT {names} FROM dbo."IntegrationLogs" WHERE "LogId" > %s AND "LogId" <= %s ORDER BY "LogId"',
                       (low, high))
        with table.batch_writer() as writer:
            for row in cursor:
                writer.put_item(Item=item_of(row))


def main():
    if sys.argv[1:] == ["--version"]:
        print(f"Python {platform.python_version()}\nboto3 {boto3.__version__}\npsycopg {psycopg.__version__}")
        return 0
    rows = int(sys.argv[1])
    movers = [multiprocessing.Process(target=move, args=(rows * n // PROCESSES, rows * (n + 1) // PROCESSES))
              for n in range(PROCESSES)]
    for mover in movers:
        mover.start()
    for mover in movers:
        mover.join()
    return 1 if any(mover.exitcode for mover in movers) else 0


if __name__ == "__main__":
    sys.exit(main())
