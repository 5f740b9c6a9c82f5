# A capability of a manifest that was not used for a long time: it can be taken away.
package sallyport.checks.unused_capability

findings contains {
	"id": capability.id,
	"severity": "low",
	"title": sprintf("has not used its capability %s for %d days", [capability.id, capability.unusedDays]),
	"why": sprintf("%s; what is not used for %d days can be taken out of the manifest", [last(capability), data.review.unusedDays]),
	"records": [place.index | place := capability.last],
} if {
	some capability in input.integration.capabilities
	capability.unusedDays >= data.review.unusedDays
}

last(capability) := sprintf("last used at %s", [capability.last.time]) if {
	capability.last
} else := "never used in this log since it was given"
