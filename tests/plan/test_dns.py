"""What becomes of the records of a name."""

from __future__ import annotations

import msgspec
import pytest

from pvdify.errors import RecordInTheWayError, SpecError
from pvdify.model.cloudflare import Record, Zone
from pvdify.model.dns import MadeRecord, NewRecord, RecordChange, RecordType
from pvdify.model.edge import EdgeKind, EdgeSettings
from pvdify.plan.dns import decided, wanted_records

NAME = "blog.example.org"
ZONE = Zone(name="example.org", id="z1")
TUNNEL = EdgeSettings(kind=EdgeKind.CLOUDFLARED, tunnel="f70ff985-a4ef-4643-bbbc-4a0ed4fc8415")
WANTED = wanted_records("blog", NAME, TUNNEL, ())
TARGET = WANTED[0].content
MINE = Record(id="r1", type="CNAME", name=NAME, content=TARGET, proxied=True, comment="pvdify: blog")
MADE = MadeRecord(app="blog", zone="z1", name=NAME, type=RecordType.CNAME, content=TARGET, id="r1")
FOREIGN = Record(id="r2", type="CNAME", name=NAME, content="pages.example.net")
MAIL = Record(id="r3", type="MX", name=NAME, content="mail.example.net")
NOTHING = RecordChange(zone="z1")


def test_a_tunnel_takes_a_proxied_cname_that_says_whose_it_is() -> None:
    assert (NewRecord(type="CNAME", name=NAME, content=TARGET, proxied=True, comment="pvdify: blog"),) == WANTED
    assert "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415.cfargotunnel.com" == TARGET


def test_another_edge_takes_the_addresses_that_are_given_and_none_of_its_own() -> None:
    caddy = EdgeSettings(kind=EdgeKind.CADDY)

    records = wanted_records("blog", NAME, caddy, ("203.0.113.7", "2001:DB8:0::7"))

    assert [("A", "203.0.113.7", False), ("AAAA", "2001:db8::7", False)] == [
        (one.type, one.content, one.proxied) for one in records
    ]
    assert () == wanted_records("blog", NAME, caddy, ())


def test_no_name_is_led_to_an_address_where_there_is_a_tunnel() -> None:
    with pytest.raises(SpecError):
        wanted_records("blog", NAME, TUNNEL, ("203.0.113.7",))


def test_a_name_without_records_gets_one_and_mail_may_stand_beside_it() -> None:
    assert RecordChange(zone="z1", new=WANTED) == decided(ZONE, NAME, (MAIL,), wanted=WANTED).change


@pytest.mark.parametrize("made", [(MADE,), ()], ids=["remembered", "forgotten"])
def test_what_is_so_already_is_left_alone_and_known_as_ours(made: tuple[MadeRecord, ...]) -> None:
    found = decided(ZONE, NAME, (MINE,), wanted=WANTED, made=made)

    assert (NOTHING, (msgspec.structs.replace(MINE, app="blog"),)) == (found.change, found.kept)


def test_a_record_of_somebody_else_that_is_just_what_is_wanted_stays_theirs() -> None:
    theirs = msgspec.structs.replace(MINE, id="r9", comment="by hand")

    found = decided(ZONE, NAME, (theirs,), wanted=WANTED)

    assert (NOTHING, ()) == (found.change, found.kept)


@pytest.mark.parametrize(
    "other",
    [
        FOREIGN,
        Record(id="r4", type="A", name=NAME, content="192.0.2.1"),
        Record(id="r5", type="AAAA", name=NAME, content="2001:db8::1"),
        msgspec.structs.replace(MINE, id="r6", proxied=False, comment=""),
        msgspec.structs.replace(FOREIGN, comment="pvdify: blog"),
    ],
    ids=["a foreign cname", "an address", "an IPv6 address", "the same past the proxy", "of another host's pvdify"],
)
def test_what_others_made_is_named_and_overwritten_only_where_that_is_said(other: Record) -> None:
    with pytest.raises(RecordInTheWayError, match=other.content):
        decided(ZONE, NAME, (other, MAIL), wanted=WANTED)

    forced = decided(ZONE, NAME, (other, MAIL), wanted=WANTED, overwrites=True)

    assert RecordChange(zone="z1", gone=(other,), new=WANTED) == forced.change


def test_a_name_that_other_servers_answer_for_is_never_overwritten() -> None:
    delegated = Record(id="r7", type="NS", name=NAME, content="ns1.example.net")

    with pytest.raises(RecordInTheWayError) as told:
        decided(ZONE, NAME, (delegated,), wanted=WANTED, overwrites=True)

    assert "other name servers" in told.value.hint


def test_the_servers_of_the_zone_itself_are_in_nobodys_way() -> None:
    of_zone = Record(id="r7", type="NS", name="example.org", content="ns1.example.net")
    wanted = wanted_records("blog", "example.org", TUNNEL, ())

    assert RecordChange(zone="z1", new=wanted) == decided(ZONE, "example.org", (of_zone,), wanted=wanted).change


def test_ours_follows_where_the_tunnel_is_another_one_now() -> None:
    old = msgspec.structs.replace(MINE, content="00000000-a4ef-4643-bbbc-4a0ed4fc8415.cfargotunnel.com")
    made = msgspec.structs.replace(MADE, content=old.content)

    found = decided(ZONE, NAME, (old,), wanted=WANTED, made=(made,))

    assert RecordChange(zone="z1", gone=(msgspec.structs.replace(old, app="blog"),), new=WANTED) == found.change


def test_ours_that_somebody_took_past_the_proxy_is_made_again() -> None:
    past = msgspec.structs.replace(MINE, proxied=False)

    found = decided(ZONE, NAME, (past,), wanted=WANTED, made=(MADE,))

    assert ([past.id], WANTED) == ([one.id for one in found.change.gone], found.change.new)


def test_one_address_stays_where_another_one_is_added() -> None:
    caddy = EdgeSettings(kind=EdgeKind.CADDY)
    wanted = wanted_records("blog", NAME, caddy, ("203.0.113.7", "2001:db8::7"))
    one = Record(id="r1", type="A", name=NAME, content="203.0.113.7", comment="pvdify: blog")

    found = decided(ZONE, NAME, (one,), wanted=wanted)

    assert RecordChange(zone="z1", new=wanted[1:]) == found.change


def test_only_what_pvdify_made_and_nobody_changed_is_removed() -> None:
    changed = msgspec.structs.replace(MINE, content="pages.example.net")

    assert (msgspec.structs.replace(MINE, app="blog"),) == decided(ZONE, NAME, (MINE, MAIL), made=(MADE,)).change.gone
    for others in ((changed,), (FOREIGN,), (MAIL,)):
        assert NOTHING == decided(ZONE, NAME, others, made=(MADE,)).change
    assert NOTHING == decided(ZONE, NAME, (MINE,)).change


def test_what_was_about_to_be_made_is_known_by_its_comment() -> None:
    intended = msgspec.structs.replace(MADE, id="")
    theirs = msgspec.structs.replace(MINE, comment="by hand")

    assert [MINE.id] == [one.id for one in decided(ZONE, NAME, (MINE,), made=(intended,)).change.gone]
    assert NOTHING == decided(ZONE, NAME, (theirs,), made=(intended,)).change
