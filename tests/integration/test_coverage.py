"""That the tests before this one leave nothing out: it comes last, and only the whole suite can answer."""
import re

from place import Skip
from servers import HLUA, ROOT


def whole_suite(place):
    if not place.stage.seen.whole:
        raise Skip("only after all the other tests")
    return place.stage.seen


def test_every_field_of_the_language_was_run(place):
    """Every field, argument, option and value of lua/hlua/schema.lua stood in a plan that ran to its end."""
    unused = whole_suite(place).unused(HLUA)
    assert not unused, "no integration test ran a plan with " + ", ".join(unused)


def test_every_reason_of_a_reject_was_seen(place):
    """Every REJECT_ word of mapping/mapper.h was listed by `rejects`."""
    words = re.findall(r'^#define REJECT_\w+ "([^"]+)"', (ROOT / "src/mapping/mapper.h").read_text(), re.M)
    assert len(words) > 5
    missing = sorted(set(words) - whole_suite(place).reasons)
    assert not missing, "no integration test has a row rejected as " + ", ".join(missing)
