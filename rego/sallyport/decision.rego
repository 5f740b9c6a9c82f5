# The one entry point: authors' rules first, then the manifest. A deny always wins; a request is denied unless something allows it.
package sallyport

import data.sallyport.rules

decision := {"allow": false, "rule": "rules/deny", "reasons": sort(denials), "obligations": {}} if {
	count(denials) > 0
} else := {"allow": false, "rule": "rules/obligations", "reasons": conflicts, "obligations": {}} if {
	count(conflicts) > 0
} else := {"allow": true, "rule": concat("/", ["default", capability.id]), "capability": capability.id, "reasons": [], "obligations": obligations} if {
	capability
} else := {"allow": true, "rule": "rules/allow", "reasons": sort(rules.allow), "obligations": stated} if {
	allowed_by_rules
} else := {"allow": false, "rule": "default/deny", "reasons": sort(lacking), "obligations": {}}

default denials := set()

denials := rules.deny

known if data.integrations[input.integration.name]

# Obligations of the rules; they replace those of the capability.
default stated := {}

stated := united if {
	not united.timeouts
} else := object.union(united, {"timeouts": tightest(stated_timeouts)})

united := object.union_n(sort(rules.obligations)) if count(rules.obligations) > 0

obligations := capability.obligations if {
	count(stated) == 0
} else := object.union(object.union(capability.obligations, stated), {"timeouts": timeouts}) if {
	stated.timeouts
	timeouts := tightest(array.concat([stated.timeouts], [capability.obligations.timeouts | capability.obligations.timeouts]))
} else := object.union(capability.obligations, stated)

# Of each timeout the shortest that is stated: whoever states it is obeyed.
tightest(stated_sets) := {key: shortest |
	some stated_set in stated_sets
	some key, _ in stated_set
	shortest := min([stated_set[key] | some stated_set in stated_sets])
}

# Looked up in a way that asks nothing of the types of authors' rules.
stated_timeouts := [object.get(obligation_set, "timeouts", null) |
	some obligation_set in rules.obligations
	"timeouts" in object.keys(obligation_set)
]

# What is no duration would be hidden by a shorter one.
is_odd(timeouts) if not is_object(timeouts)

is_odd(timeouts) if {
	some value in timeouts
	not is_duration(value)
}

is_duration(value) if {
	is_number(value)
	value > 0
	floor(value) == value
}

# Two rules with different values for one obligation cannot both be obeyed, but for timeouts, of which the shortest are.
default conflicts := []

conflicts := ["rules state timeouts that are not whole milliseconds above 0"] if {
	some timeouts in stated_timeouts
	is_odd(timeouts)
} else := sort([reason |
	some key in {key | some obligation_set in rules.obligations; some key, _ in obligation_set}
	key != "timeouts"
	count({obligation_set[key] | some obligation_set in rules.obligations}) > 1
	reason := sprintf("rules state different obligations \"%s\"", [key])
]) if {
	count(rules.obligations) > 1
}
