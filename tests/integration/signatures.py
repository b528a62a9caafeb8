"""Checks the signatures in the endpoint's log with botocore, an independent signer."""
import base64
import hashlib

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

import servers


def verify(requests, host, region=servers.REGION):
    """Every logged request must carry the signature that botocore gives it; at least one must be there."""
    checked = 0
    for r in requests:
        body = base64.b64decode(r["body"])
        assert hashlib.sha256(body).hexdigest() == r["body_sha256"]
        headers = {name.lower(): value for name, value in r["headers"]}
        signed = r["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
        assert {"host", "x-amz-date", "x-amz-target"} <= set(signed), signed
        assert headers["host"] == host
        request = AWSRequest(method=r["method"], url=f"http://{host}{r['path']}", data=body,
                             headers={name: headers[name] for name in signed})
        request.context["timestamp"] = r["amz_date"]
        auth = SigV4Auth(Credentials(servers.KEY, servers.SECRET, headers.get("x-amz-security-token")), "dynamodb", region)
        text = auth.string_to_sign(request, auth.canonical_request(request))
        wanted = auth.signature(text, request)
        found = r["authorization"].split("Signature=")[1]
        assert found == wanted, (r["number"], r["op"], found, wanted, auth.canonical_request(request))
        checked += 1
    assert checked > 0
    return checked
