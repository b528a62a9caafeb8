"""The sinks: processes of tests/endpoint that say yes to writes and count the items. One for each kind of connection, started
when a case first wants it; PostgreSQL is scripts/bench's."""
import os
import ssl
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "endpoint"))
import client  # noqa: E402  (the client of tests/endpoint)


def certificates(folder):
    """An authority of this bench alone and the sink's certificate by it: (authority, certificate, key)."""
    names = ("authority", "authority-key", "certificate", "key", "request")
    ca, ca_key, cert, key, request = (str(folder / f"{name}.pem") for name in names)
    new = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for command in (
        [*new, "-x509", "-days", "2", "-subj", "/CN=bench authority", "-keyout", ca_key, "-out", ca],
        [*new, "-subj", "/CN=sink", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", request],
        ["openssl", "x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-days", "2", "-copy_extensions", "copyall",
         "-out", cert],
    ):
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    return ca, cert, key


class Sink(client.Endpoint):
    def __init__(self, program, *options, authority=None):
        super().__init__(program, "--mode", "sink", *options)
        self.authority = authority

    def connect(self):
        plain = super().connect()
        if not self.authority:
            return plain
        return ssl.create_default_context(cafile=self.authority).wrap_socket(plain, server_hostname="127.0.0.1")

    @property
    def environment(self):
        """What leads an AWS program here."""
        if not self.authority:
            return {"AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{self.port}"}
        return {"AWS_ENDPOINT_URL_DYNAMODB": f"https://127.0.0.1:{self.port}", "AWS_CA_BUNDLE": self.authority}

    def books(self):
        """So far: (items written, CPU seconds spent)."""
        items = sum(operation["applied"] for operation in self.counts()["operations"].values())
        with open(f"/proc/{self.process.pid}/schedstat") as books:  # of its one thread, in nanoseconds
            return items, int(books.read().split()[0]) / 1e9


class Sinks:
    def __init__(self, place):
        self.place, self.running = place, {}

    def get(self, kind):
        """plain: http. tls. latency: http, each answer held back for 10 ms."""
        if kind not in self.running:
            options, authority = [], None
            if kind == "latency":
                options = ["--latency-ms", "10"]
            elif kind == "tls":
                authority, certificate, key = certificates(self.place.folder)
                options = ["--tls", certificate, key]
            self.running[kind] = Sink(self.place.endpoint, *options, authority=authority).__enter__()
        return self.running[kind]

    def close(self):
        for sink in self.running.values():
            sink.__exit__(None, None, None)
        self.running = {}
