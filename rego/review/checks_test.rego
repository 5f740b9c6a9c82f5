package sallyport.checks_test

settings := {
	"off": [],
	"denialsPerMinute": 20,
	"unusedDays": 30,
	"officeHours": {"timeZone": "UTC", "days": ["Monday", "Friday"], "from": 7, "to": 19, "except": ["nightly"]},
}

at(index) := {"index": index, "time": "2026-01-30T10:00:00.000Z"}

window := {"since": "2026-01-30T00:00:00.000Z", "until": "2026-01-31T00:00:00.000Z", "day": "2026-01-31"}

quiet := {
	"name": "weather",
	"isNew": false,
	"first": at(1),
	"requests": {"allowed": 0, "denied": 0, "refused": 0},
	"destinations": [],
	"destinationsBeyond": 0,
	"denials": {"count": 0, "minutes": []},
	"hours": [],
	"capabilities": [],
	"changes": [],
	"differences": {"reference": {"count": 0}, "shadow": {"count": 0}},
}

findings(facts) := found if {
	found := data.sallyport.review.findings with input as {"version": 1, "window": window, "integration": object.union(quiet, facts)}
		with data.review as settings
}

gateway_findings(facts) := found if {
	found := data.sallyport.review.findings with input as {"version": 1, "window": window, "gateway": object.union({"acts": [], "actsBeyond": 0, "starts": []}, facts)}
		with data.review as settings
}

# What stands in the log of each kind, as [check, severity, id, records].
said(found) := {[finding.check, finding.severity, finding.id, finding.records] | some finding in found}

test_nothing_is_found_where_nothing_happened if {
	count(findings({})) == 0
	count(gateway_findings({})) == 0
}

test_a_new_destination_is_found_and_a_known_one_is_not if {
	found := findings({"destinations": [
		{"kind": "network", "name": "new.example:443", "isNew": true, "uses": 2, "first": at(7), "last": at(9)},
		{"kind": "network", "name": "old.example:443", "isNew": false, "uses": 5, "first": at(8), "last": at(8)},
	]})
	said(found) == {["new_destination", "medium", "new.example:443", [7]]}
}

test_of_a_new_integration_only_that_is_said if {
	found := findings({"isNew": true, "destinations": [{"kind": "network", "name": "new.example:443", "isNew": true, "uses": 2, "first": at(7), "last": at(9)}]})
	said(found) == {["new_destination", "low", "new-integration", [1]]}
}

test_an_integration_that_was_allowed_nothing_is_not_new if {
	facts := object.remove(object.union(quiet, {"isNew": true}), ["first"])
	found := data.sallyport.review.findings with input as {"version": 1, "window": window, "integration": facts}
		with data.review as settings
	count(found) == 0
}

test_destinations_that_were_not_compared_are_said if {
	said(findings({"destinationsBeyond": 3})) == {["new_destination", "medium", "too-many", []]}
}

test_a_burst_begins_at_its_number_and_ten_times_as_many_are_worse if {
	found := findings({"denials": {"count": 300, "minutes": [
		{"minute": "2026-01-30T10:00", "count": 19, "first": at(1), "last": at(2)},
		{"minute": "2026-01-30T10:01", "count": 20, "first": at(3), "last": at(4)},
		{"minute": "2026-01-30T10:02", "count": 200, "first": at(5), "last": at(6)},
	]}})
	said(found) == {
		["denial_burst", "medium", "2026-01-30T10:01", [3, 4]],
		["denial_burst", "high", "2026-01-30T10:02", [5, 6]],
	}
}

test_a_burst_of_unidentified_callers_is_found if {
	found := findings({"name": "", "denials": {"count": 30, "minutes": [{"minute": "2026-01-30T10:00", "count": 30, "first": at(1), "last": at(2)}]}})
	said(found) == {["denial_burst", "medium", "2026-01-30T10:00", [1, 2]]}
}

hour(weekday, number, index) := {"weekday": weekday, "hour": number, "uses": 1, "first": at(index), "last": at(index)}

test_use_before_after_and_on_other_days_is_outside_of_office_hours if {
	found := findings({"hours": [
		hour("Monday", 6, 1),
		hour("Monday", 7, 2),
		hour("Monday", 18, 3),
		hour("Monday", 19, 4),
		hour("Sunday", 12, 5),
	]})
	said(found) == {["office_hours", "low", "2026-01-31", [1, 4, 5]]}
	some finding in found
	finding.title == "used outside office hours (Monday 6:00, Monday 19:00, Sunday 12:00)"
}

test_office_hours_are_not_asked_of_an_exception if {
	count(findings({"name": "nightly", "hours": [hour("Sunday", 12, 5)]})) == 0
}

test_a_capability_is_unused_from_its_number_of_days_on if {
	found := findings({"capabilities": [
		{"id": "network/0", "uses": 0, "last": at(3), "unusedDays": 30},
		{"id": "network/1", "uses": 0, "unusedDays": 31},
		{"id": "network/2", "uses": 0, "last": at(4), "unusedDays": 29},
	]})
	said(found) == {
		["unused_capability", "low", "network/0", [3]],
		["unused_capability", "low", "network/1", []],
	}
}

change(facts) := object.union({"index": 4, "time": "2026-01-30T10:00:00.000Z", "revision": "r2", "how": "reload", "by": "folders", "parts": ["network"]}, facts)

test_growth_is_what_is_newly_allowed if {
	found := findings({"changes": [change({"newlyAllowed": ["network/0: host b.example"]})]})
	said(found) == {["privilege_growth", "medium", "r2", [4]]}
	some finding in found
	finding.why == "folders activated revision r2, which newly allows: network/0: host b.example"
}

test_a_change_that_allows_no_more_is_not_growth if {
	count(findings({"changes": [change({"newlyAllowed": []})]})) == 0
}

test_without_manifests_growth_is_what_may_be_one if {
	found := findings({"changes": [change({}), change({"revision": "r3", "parts": ["owner", "removed"]})]})
	said(found) == {["privilege_growth", "low", "r2", [4]]}
}

test_differences_are_found if {
	found := findings({"differences": {"reference": {"count": 1, "first": at(5), "last": at(5)}, "shadow": {"count": 2, "first": at(6), "last": at(7)}}})
	said(found) == {
		["differences", "high", "reference 2026-01-31", [5, 5]],
		["differences", "low", "shadow 2026-01-31", [6, 7]],
	}
}

act(type, index) := {"index": index, "time": "2026-01-30T10:00:00.000Z", "type": type, "words": "by=operator"}

test_acts_are_found_of_types_that_are_not_known_too if {
	said(gateway_findings({"acts": [act("continued", 1), act("suspended", 2), act("painted", 3)], "actsBeyond": 1})) == {
		["operator_acts", "high", "1", [1]],
		["operator_acts", "low", "2", [2]],
		["operator_acts", "low", "3", [3]],
		["operator_acts", "medium", "too-many", []],
	}
}

test_a_check_that_is_off_finds_nothing if {
	found := data.sallyport.review.findings with input as {"version": 1, "window": window, "gateway": {"acts": [act("continued", 1)], "actsBeyond": 0, "starts": []}}
		with data.review as object.union(settings, {"off": ["operator_acts"]})
	count(found) == 0
}
