# What the operator did, or had done: suspensions, activations by hand, the CA, the log itself. A type of record that is not
# known here is shown too.
package sallyport.checks.operator_acts

findings contains {
	"id": sprintf("%d", [act.index]),
	"severity": object.get(severities, act.type, "low"),
	"title": sprintf("%s", [act.type]),
	"why": act.words,
	"records": [act.index],
} if {
	some act in input.gateway.acts
}

severities := {
	"continued": "high",
	"pruned": "medium",
	"released": "medium",
	"ca-rotated": "medium",
	"activated": "medium",
}

findings contains {
	"id": "too-many",
	"severity": "medium",
	"title": "more acts than a review keeps",
	"why": sprintf("%d further acts are in the log", [input.gateway.actsBeyond]),
	"records": [],
} if {
	input.gateway.actsBeyond > 0
}
