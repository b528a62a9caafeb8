"""TLS to the target: verified, by the system's authorities or AWS_CA_BUNDLE."""
import subprocess

import expect
from expect import Mapping
from servers import Endpoint, dynamodb

PLAN = """from = "t", to = "Target", partition_key = { PK = "{id}" }, attributes = { hlua.columns {} },"""
MAPPING = Mapping({"PK": "{id}"})


def certificates(folder, name, address="IP:127.0.0.1,DNS:localhost"):
    """An authority of its own and a server's certificate signed by it: (ca.pem, cert.pem, key.pem)."""
    ca, ca_key, cert, key, request = (str(folder / f"{name}-{n}.pem") for n in ("ca", "ca-key", "cert", "key", "request"))
    new = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for command in (
        [*new, "-x509", "-days", "2", "-subj", f"/CN=test authority {name}", "-keyout", ca_key, "-out", ca],
        [*new, "-subj", "/CN=endpoint", "-addext", f"subjectAltName={address}", "-keyout", key, "-out", request],
        ["openssl", "x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-days", "2", "-copy_extensions", "copyall",
         "-out", cert],
    ):
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    return ca, cert, key


def source(place):
    place.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, 500) i")
    place.plan(PLAN)


def test_an_authority_of_ones_own(place):
    source(place)
    ca, cert, key = certificates(place.folder, "one")
    with Endpoint("--tls", cert, key, "--fault", "op=BatchWriteItem,n=3,what=cut") as endpoint:
        place.target(endpoint.url)
        place.environment["AWS_CA_BUNDLE"] = ca
        result = place.hlua("migrate")
        wanted, _ = expect.items_of(expect.read(place.db, "t"), MAPPING)
        expect.check(result, dynamodb(endpoint.url, verify=ca), "Target", wanted, MAPPING)


def fails(place, url, *texts):
    """Clearly, in a bounded time, and before anything is written."""
    place.target(url)
    place.hlua("migrate", code=4, timeout=60).says("certificate", *texts)


def test_a_wrong_authority(place):
    source(place)
    _, cert, key = certificates(place.folder, "one")
    other, _, _ = certificates(place.folder, "two")
    with Endpoint("--tls", cert, key) as endpoint:
        place.environment["AWS_CA_BUNDLE"] = other
        fails(place, endpoint.url)
        del place.environment["AWS_CA_BUNDLE"]
        fails(place, endpoint.url)


def test_a_certificate_of_another_name(place):
    source(place)
    ca, cert, key = certificates(place.folder, "one", address="DNS:another.example")
    with Endpoint("--tls", cert, key) as endpoint:
        place.environment["AWS_CA_BUNDLE"] = ca
        fails(place, endpoint.url)


def test_a_bundle_that_is_not_there(place):
    source(place)
    _, cert, key = certificates(place.folder, "one")
    with Endpoint("--tls", cert, key) as endpoint:
        place.environment["AWS_CA_BUNDLE"] = str(place.folder / "absent.pem")
        place.target(endpoint.url)
        result = place.start("migrate").end(60)
        assert result.code in (1, 4) and "absent.pem" in result.error, result
