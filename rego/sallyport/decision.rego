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

stated := object.union_n(sort(rules.obligations)) if count(rules.obligations) > 0

obligations := capability.obligations if {
	count(stated) == 0
} else := object.union(capability.obligations, stated)

# Two rules with different values for one obligation cannot both be obeyed.
default conflicts := []

conflicts := sort([reason |
	some key in {key | some obligation_set in rules.obligations; some key, _ in obligation_set}
	count({obligation_set[key] | some obligation_set in rules.obligations}) > 1
	reason := sprintf("rules state different obligations \"%s\"", [key])
]) if {
	count(rules.obligations) > 1
}
