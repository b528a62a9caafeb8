"""A client of the endpoint for tests: starts one, calls it over a plain socket, makes small requests."""
import json
import re
import signal
import socket
import subprocess
import zlib

TABLE = "Orders"


class Endpoint:
    """A running endpoint; used with `with`, stopped by its own pid."""

    def __init__(self, program, *options):
        self.program = program
        self.options = options

    def __enter__(self):
        self.process = subprocess.Popen([self.program, *self.options], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.port = int(re.fullmatch(r"listening on 127\.0\.0\.1:(\d+)\n", line).group(1))
        self.connection = None
        return self

    def __exit__(self, kind, value, trace):
        if self.connection:
            self.connection.close()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        self.process.stdout.close()
        if kind is None:
            equal(code, 0)

    def connect(self):
        s = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def call(self, operation, body, control=False):
        """(status, body); the connection is kept from call to call."""
        if self.connection is None:
            self.connection = self.connect()
        self.connection.sendall(request(operation, body, control))
        try:
            status, headers, text = read_answer(self.connection)
        except (EOFError, ConnectionError):
            self.connection.close()
            self.connection = None
            raise
        if headers["x-amz-crc32"] != str(zlib.crc32(text)):
            raise ValueError("wrong crc32")
        return status, json.loads(text)

    def ok(self, operation, body):
        status, answer = self.call(operation, body)
        if status != 200:
            raise AssertionError(f"{operation}: {status} {answer}")
        return answer

    def refused(self, operation, body, type, text=""):
        status, answer = self.call(operation, body)
        equal((status, answer["__type"].split("#")[1]), (400, type))
        if text not in answer["message"]:
            raise AssertionError(f"{answer['message']!r} lacks {text!r}")

    def faults(self, *specs):
        equal(self.call("Faults", {"clear": True, "add": list(specs)}, control=True)[0], 200)

    def counts(self):
        return self.call("Counts", {}, control=True)[1]


def request(operation, body, control=False):
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    target = ("Endpoint." if control else "DynamoDB_20120810.") + operation
    return (f"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: {target}\r\nAuthorization: AWS4 none\r\n"
            f"X-Amz-Date: 20260101T000000Z\r\nContent-Length: {len(text)}\r\n\r\n").encode() + text


def read_answer(s, have=b""):
    while b"\r\n\r\n" not in have:
        more = s.recv(65536)
        if not more:
            raise EOFError("closed before an answer" if not have else "closed in an answer")
        have += more
    head, body = have.split(b"\r\n\r\n", 1)
    lines = head.decode().split("\r\n")
    headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}
    length = int(headers["content-length"])
    while len(body) < length:
        more = s.recv(65536)
        if not more:
            raise EOFError("closed in an answer")
        body += more
    read_answer.rest = body[length:]
    return int(lines[0].split()[1]), headers, body[:length]


def equal(found, wanted):
    if found != wanted:
        raise AssertionError(f"found {found!r}, wanted {wanted!r}")


def S(text):
    return {"S": text}


def N(number):
    return {"N": str(number)}


def definition(name=TABLE, **more):
    return {
        "TableName": name, "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": n, "AttributeType": t}
                                 for n, t in (("PK", "S"), ("SK", "N"), ("GPK", "S"), ("GSK", "S"), ("LSK", "B"))],
        "KeySchema": key("PK", "SK"),
        "GlobalSecondaryIndexes": [
            {"IndexName": "ByG", "KeySchema": key("GPK", "GSK"), "Projection": {"ProjectionType": "ALL"}}],
        "LocalSecondaryIndexes": [
            {"IndexName": "ByL", "KeySchema": key("PK", "LSK"),
             "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["note"]}}], **more}


def key(partition, sort):
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


def item(pk, sk, **more):
    return {"PK": S(pk), "SK": N(sk), **more}


def put(*items, table=TABLE):
    return {"RequestItems": {table: [{"PutRequest": {"Item": i}} for i in items]}}


def pages(e, operation, body):
    items, start = [], None
    while True:
        answer = e.ok(operation, {**body, **({"ExclusiveStartKey": start} if start else {})})
        equal(answer["Count"], len(answer["Items"]))
        items += answer["Items"]
        start = answer.get("LastEvaluatedKey")
        if not start:
            return items


def canonical(items):
    return sorted(json.dumps(i, sort_keys=True) for i in items)
