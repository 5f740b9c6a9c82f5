# What an integration may do was extended: an activation allows what the one before did not. Where the manifests of a revision
# are not at hand (a copy of the log alone), it is only known which parts of the manifest changed.
package sallyport.checks.privilege_growth

shown := 10

findings contains {
	"id": change.revision,
	"severity": "medium",
	"title": sprintf("may do %d things more", [count(change.newlyAllowed)]),
	"why": sprintf("%s activated revision %s, which newly allows: %s", [change.by, change.revision, concat("; ", first(change.newlyAllowed))]),
	"records": [change.index],
} if {
	some change in input.integration.changes
	count(change.newlyAllowed) > 0
}

findings contains {
	"id": change.revision,
	"severity": "low",
	"title": "may do more than before",
	"why": sprintf("%s activated revision %s, which changed %s of its manifest; the manifests are not at hand", [change.by, change.revision, concat(", ", change.parts)]),
	"records": [change.index],
} if {
	some change in input.integration.changes
	not change.newlyAllowed
	some part in change.parts
	part in {"added", "network", "services", "files", "limits"}
}

first(list) := array.slice(list, 0, shown)
